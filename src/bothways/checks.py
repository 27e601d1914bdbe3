"""Do the parts of a recipe go together? Objective, backbone and format know nothing of each other, and meet here alone.

Each objective, format and auxiliary loss says what it `needs`, each format and backbone what it `offers`. What does not
go together is refused before any work, in one sentence that names the fix.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bothways.config import Settings
from bothways.errors import UsageError
from bothways.formats import FORMATS
from bothways.formats.shorter import shortened
from bothways.model.backbones import BACKBONES, OFFERS, offers_of
from bothways.objectives import AUXILIARIES, OBJECTIVES
from bothways.recipe import Recipe
from bothways.text.learn import FALLING
from bothways.training.schedule import check_batch, warmup_share


def refusal(recipe: Recipe) -> str | None:
    """Return the sentence with which `check` refuses a recipe, or None where it does not."""
    try:
        check(recipe)
    except UsageError as error:
        return str(error)
    return None


def check(recipe: Recipe) -> None:
    """Refuse parts that do not go together, before any work; raise `UsageError` that names the fix."""
    _check_backbone(recipe)
    _check_extras(recipe)
    _check_length(recipe)
    _check_cutoffs(recipe)
    _check_rows(recipe)
    _check_stages(recipe)
    _check_evaluation(recipe)
    _check_budget(recipe)


def _check_backbone(recipe: Recipe) -> None:
    backbone, form, objective = recipe.backbone.kind, recipe.format.kind, recipe.objective.kind
    demands = {
        f"format {form}": needs_of_format(recipe.format),
        f"objective {objective}": OBJECTIVES[objective][1].needs,
    }
    for who, needs in demands.items():
        if missing := sorted(needs - offers_of(recipe.backbone)):
            if needs <= OFFERS[backbone]:
                raise UsageError(
                    f"{who} needs {_and(missing)}, which backbone {backbone} with num_segments="
                    f"{recipe.backbone.num_segments} does not offer; set backbone.num_segments=2, or, with weights "
                    f"that were made without (--from), {_other_format(recipe)}"
                )
            raise UsageError(
                f"{who} needs {_and(missing)}, which backbone {backbone} does not offer; "
                f"set {_better_choice(recipe)}"
            )
    memory = getattr(recipe.backbone, "memory", 0)
    if memory and "memory" not in demands[f"format {form}"]:
        raise UsageError(
            f"backbone.memory={memory} keeps a memory that format {form} never carries; "
            "set backbone.memory=0 or format.kind=stream"
        )


def _better_choice(recipe: Recipe) -> str:
    """Return the words that set a backbone or a format with which the others go, or both where one is not enough."""
    wanted = OBJECTIVES[recipe.objective.kind][1].needs
    offers = {
        kind: offers_of(settings.model_validate({"size": "tiny"}))
        for kind, (settings, _) in BACKBONES.items()
    }
    offers[recipe.backbone.kind] = offers_of(recipe.backbone)
    fitting = [
        (backbone, form)
        for form in FORMATS
        for backbone, offered in offers.items()
        if needs_of_format(FORMATS[form][0]()) | wanted <= offered
    ]
    backbones = [backbone for backbone, form in fitting if form == recipe.format.kind]
    forms = [form for backbone, form in fitting if backbone == recipe.backbone.kind]
    words = [f"backbone.kind={' or '.join(backbones)}"] * bool(backbones)
    words += [f"format.kind={' or '.join(forms)}"] * bool(forms)
    backbone, form = fitting[0]
    return ", or ".join(words) or f"format.kind={form} backbone.kind={backbone}"


def _other_format(recipe: Recipe) -> str:
    """Return the words that set a format with which this very backbone goes, without what needs the present one."""
    wanted = OBJECTIVES[recipe.objective.kind][1].needs
    offered = offers_of(recipe.backbone)
    forms = [
        form for form, (settings, _) in FORMATS.items() if needs_of_format(settings()) | wanted <= offered
    ]
    paired = any(_reads_pairs(extra) for extra in recipe.extras)
    return f"format.kind={' or '.join(forms)}" + " extras=[]" * paired


def _check_extras(recipe: Recipe) -> None:
    kinds = [extra.kind for extra in recipe.extras]
    objectives = {name: objective.offers for name, (_, objective) in OBJECTIVES.items()}
    for kind in kinds:
        _check_extra(kind, "format", recipe.format.kind, {name: offers_of_format(name) for name in FORMATS})
        _check_extra(kind, "objective", recipe.objective.kind, objectives)
        if kinds.count(kind) > 1:
            raise UsageError(f"the extra loss {kind} stands there twice; keep one and set its weight")


def _check_extra(kind: str, part: str, chosen: str, offers: Mapping[str, frozenset[str]]) -> None:
    """Refuse an extra loss that needs what another choice of this part would offer."""
    needs = AUXILIARIES[kind][1].needs & frozenset().union(*offers.values())
    if missing := sorted(needs - offers[chosen]):
        able = " or ".join(name for name, offered in offers.items() if needs <= offered)
        raise UsageError(
            f"the extra loss {kind} needs {_and(missing)}, which {part} {chosen} does not offer; "
            f"set {part}.kind={able}, or leave it out with extras=[]"
        )


def _check_length(recipe: Recipe) -> None:
    length, positions = recipe.format.length, getattr(recipe.backbone, "max_positions", None)
    if positions is not None and length > positions:
        raise UsageError(
            f"format.length={length} is longer than the {positions} positions that backbone "
            f"{recipe.backbone.kind} learns; set format.length={positions} or backbone.max_positions={length} "
            "(not with --from: weights have the positions that they were made with)"
        )


def _check_cutoffs(recipe: Recipe) -> None:
    if not getattr(recipe.backbone, "cutoffs", ()):
        return
    tokenizer, objective = recipe.tokenizer, recipe.objective.kind
    if whose := OBJECTIVES[objective][1].answered_by:
        raise UsageError(
            f"backbone.cutoffs divides what an encoder predicts, and with objective {objective} {whose} predicts, over "
            "the undivided vocabulary; set backbone.cutoffs=[], or another objective"
        )
    if not tokenizer.path and tokenizer.kind not in FALLING:
        raise UsageError(
            f"backbone.cutoffs divides a vocabulary by frequency, and tokenizer {tokenizer.kind} does not number its "
            f"entries so; set tokenizer.kind={' or '.join(FALLING)}, or backbone.cutoffs=[]"
        )


def _check_rows(recipe: Recipe) -> None:
    batch = recipe.training.batch
    if batch % 2 and getattr(recipe.format, "bidirectional", False):
        raise UsageError(
            f"training.batch={batch} rows cannot be half forward and half backward; "
            f"set training.batch={batch + 1} or format.bidirectional=false"
        )
    paired = [extra.kind for extra in recipe.extras if _reads_pairs(extra)]
    if paired and getattr(recipe.format, "is_plain", False):
        raise UsageError(
            f"the extra loss {_and(paired)} needs pair labels, which plain rows do not have; "
            "set format.rows=pair, or leave it out with extras=[]"
        )
    if paired and getattr(recipe.format, "pair", None) == "follow":
        raise UsageError(
            f"the extra loss {_and(paired)} has nothing to learn from format.pair=follow, where every second segment "
            "continues the first; set format.pair=next, or leave it out with extras=[]"
        )


def _reads_pairs(extra: Settings) -> bool:
    kind: str = extra.kind  # type: ignore[attr-defined]
    return "pair labels" in AUXILIARIES[kind][1].needs


def _check_evaluation(recipe: Recipe) -> None:
    backbone, asked = recipe.backbone.kind, recipe.evaluation.past
    if asked and "memory" not in OFFERS[backbone]:
        able = " or ".join(kind for kind, offers in OFFERS.items() if "memory" in offers)
        raise UsageError(
            f"the evaluation's {_and(list(asked))} ask for memory, which backbone {backbone} does not offer; "
            f"set {' '.join(f'evaluation.{name}=null' for name in asked)}, or backbone.kind={able}"
        )


def _check_stages(recipe: Recipe) -> None:
    """Refuse stages of the batch or of the rows' length that the format cannot follow."""
    training, carries = recipe.training, "memory" in needs_of_format(recipe.format)
    for name, stages in (("batch", training.schedule.batch), ("length", training.schedule.length)):
        if stages and carries:
            raise UsageError(
                f"format {recipe.format.kind} reads on where the last step's rows ended, so training.schedule.{name} "
                f"may not change which rows those are; set training.schedule.{name}=[] or format.kind=packed"
            )
    check_batch(training.schedule, training.batch // (training.micro_batch or training.batch))
    for _, share in training.schedule.length:
        shortened(recipe.format, share)


def _check_budget(recipe: Recipe) -> None:
    training = recipe.training
    if (
        training.budget.epochs is None
    ):  # their steps, in which a warm-up must fit, are not known before the text is
        warmup_share(training.schedule, training.budget)
    if training.stop_after is not None and training.evaluate_every is None:
        raise UsageError(
            f"training.stop_after={training.stop_after} counts evaluations, and with training.evaluate_every=null "
            "there is one at the end only; set training.evaluate_every, or training.stop_after=null"
        )


def needs_of_format(settings: Any) -> frozenset[str]:
    """Return what a format needs of the backbone: where its settings decide it, they say so."""
    build: Any = FORMATS[settings.kind][1]
    needs: frozenset[str] = settings.needs if hasattr(settings, "needs") else build.needs
    return needs


def offers_of_format(kind: str) -> frozenset[str]:
    """Return what a format offers to auxiliary losses."""
    build: Any = FORMATS[kind][1]
    offers: frozenset[str] = build.offers
    return offers


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
