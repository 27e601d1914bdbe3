"""Writes what only repeats the code: all of cli.md, and the marked parts of the other pages.

A test compares the pages with what is generated, so they cannot fall behind; `make docs` brings them up to date.
"""

import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from typer.testing import CliRunner

from bothways.checks import needs_of_format, offers_of_format, refusal
from bothways.claims.registry import CLAIMS
from bothways.cli import app
from bothways.config import build
from bothways.dry_run import made_up_vocabulary
from bothways.formats import FORMATS
from bothways.interop.configs import FAMILIES, Family
from bothways.interop.folder import named_parameters
from bothways.model.backbones import BACKBONES, OFFERS, build_encoder
from bothways.model.backbones.transformer_xl import TRANSFORMER_XL_NAMES
from bothways.model.names import all_theirs
from bothways.objectives import AUXILIARIES, OBJECTIVES, build_objective
from bothways.recipe import annotated, crossed, resolve
from bothways.recipe_files import inline, names
from bothways.suites.reading import read_suite, suite_names
from bothways.training.optimizer import OPTIMIZERS
from bothways.training.settings import TrainingSettings
from bothways.verbs import VERBS

FOLDER = Path(__file__).parent
WIDTH = 100
EXAMPLE = "bert-tiny"
DEFAULT_OPTIMIZER = "adamw"


def pages() -> dict[Path, str]:
    """Return what every generated page should hold."""
    parts = {
        "recipes.md": {
            "table": _recipes(),
            "compatibility": _compatibility(),
            "settings": _settings(),
            "optimizers": _optimizers(),
        },
        "objectives.md": {"objectives": _objectives(), "contract": _contract(), "extras": _extras()},
        "evaluation.md": {"suites": _suites()},
        "claims.md": {"claims": _claims()},
        "folders.md": {"families": _families(), "transformer-xl": _transformer_xl()},
    }
    return {FOLDER / "cli.md": _commands()} | {FOLDER / page: _page(page, parts[page]) for page in parts}


def _page(page: str, parts: dict[str, list[str]]) -> str:
    text = (FOLDER / page).read_text(encoding="utf-8")
    for name, lines in parts.items():
        text = _replaced(text, name, lines)
    return text


def _replaced(text: str, name: str, lines: Iterable[str]) -> str:
    begin, end = f"<!-- generated: {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return "\n".join([before + begin, *lines, "", end]) + after


def _commands() -> str:
    lines = ["# The command line", "", "This page is the output of `--help`, written by `make docs`.", ""]
    for words in [[], *([verb] for verb in VERBS)]:
        lines += [f"## {' '.join(['bothways', *words])}", "", "```text", *_help(words), "```", ""]
    return "\n".join(lines)


def _help(words: list[str]) -> list[str]:
    answer = CliRunner().invoke(app, [*words, "--help"], prog_name="bothways", terminal_width=WIDTH)
    return [line.rstrip() for line in answer.stdout.strip().splitlines()]


def _recipes() -> list[str]:
    lines = [
        "| recipe | objective | backbone | layers × width | format | rows a step | learning rate | budget |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names():
        recipe = resolve(name)
        backbone, training = recipe.backbone, recipe.training
        objective = " + ".join([recipe.objective.kind, *(extra.kind for extra in recipe.extras)])
        cells = (
            f"`{name}`",
            objective,
            backbone.kind,
            f"{backbone.layers} × {backbone.width}",
            f"{recipe.format.kind} of {recipe.format.length}",
            f"{training.batch:,}",
            f"{training.optimizer.learning_rate:g}",
            _budget(training),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _budget(training: TrainingSettings) -> str:
    return next(f"{amount:,.15g} {what}" for what, amount in vars(training.budget).items() if amount)


def _compatibility() -> list[str]:
    lines = ["| part | needs of the backbone | needs of format and objective | offers |", "|---|---|---|---|"]
    for name, (_, objective) in OBJECTIVES.items():
        lines.append(f"| objective `{name}` | {_words(objective.needs)} | – | {_words(objective.offers)} |")
    for name, (_, extra) in AUXILIARIES.items():
        lines.append(f"| extra loss `{name}` | – | {_words(extra.needs)} | – |")
    for name, (settings, _) in FORMATS.items():
        needs = needs_of_format(settings())
        lines.append(f"| format `{name}` | {_words(needs)} | – | {_words(offers_of_format(name))} |")
    for name, offers in OFFERS.items():
        lines.append(f"| backbone `{name}` | – | – | {_words(offers)} |")
    return lines


def _objectives() -> list[str]:
    lines = ["| objective | what is learned | needs of the backbone | answers |", "|---|---|---|---|"]
    for name, (_, objective) in OBJECTIVES.items():
        meaning = (objective.__doc__ or "").strip().split("\n", 1)[0]
        lines.append(f"| `{name}` | {meaning} | {_words(objective.needs)} | {_words(objective.answers)} |")
    return lines


def _contract() -> list[str]:
    """One line an objective and backbone, one column a format; sentences, which are many alike, stand below."""
    lines = [f"| objective | backbone | {' | '.join(FORMATS)} |", f"|---|---|{'---|' * len(FORMATS)}"]
    said: dict[str, int] = {}
    for objective, backbone in itertools.product(OBJECTIVES, BACKBONES):
        cells = [_cell(refusal(crossed(objective, backbone, form)), said) for form in FORMATS]
        lines.append(f"| `{objective}` | `{backbone}` | {' | '.join(cells)} |")
    return [*lines, "", *_sentences(said)]


def _extras() -> list[str]:
    """One line an extra loss, one column a format: what `check` says on a backbone that the format goes with."""
    lines = [f"| extra loss | {' | '.join(FORMATS)} |", f"|---|{'---|' * len(FORMATS)}"]
    said: dict[str, int] = {}
    for extra in AUXILIARIES:
        answers = []
        for form in FORMATS:
            plain = next(cell for cell in _trained() if cell[2] == form)
            answers.append(refusal(crossed(*plain, [f"extras=[{{kind: {extra}}}]"])))
        lines.append(f"| `{extra}` | {' | '.join(_cell(answer, said) for answer in answers)} |")
    return [*lines, "", *_sentences(said)]


def _trained() -> Iterator[tuple[str, str, str]]:
    cells = itertools.product(OBJECTIVES, BACKBONES, FORMATS)
    return (cell for cell in cells if refusal(crossed(*cell)) is None)


def _cell(sentence: str | None, said: dict[str, int]) -> str:
    """Return what stands in a cell; a sentence is numbered in the order of appearance."""
    return "trains" if sentence is None else f"refused ({said.setdefault(sentence, len(said) + 1)})"


def _sentences(said: dict[str, int]) -> list[str]:
    return [f"{number}. {sentence}." for sentence, number in said.items()]


def _words(abilities: Iterable[str]) -> str:
    return ", ".join(sorted(abilities)) or "–"


def _families() -> list[str]:
    lines = ["| backbone | of these settings | `model_type` | class of `transformers` |", "|---|---|---|---|"]
    for name, family in FAMILIES.items():
        settings = ", ".join(f"`{key}={inline(value)}`" for key, value in family.settings.items())
        kind = family.backbone or name
        lines.append(f"| `{kind}` | {settings or 'any'} | `{family.model_type}` | {_class_of(family)} |")
    return lines


def _class_of(family: Family) -> str:
    """Name the classes that load a family, and what a model must be for them to compute what it was trained to."""
    if family.architecture is None:
        return "none"
    classes = dict.fromkeys((family.architecture, family.architecture_with_pairs))
    known = " or ".join(f"`{each}`" for each in classes)
    if family.is_causal:
        return f"{known} (if `causal`)"
    others = "`causal`" if family.discriminator else "`causal` or `replaced`"
    padding = (
        ""
        if family.padding is None
        else f"; if token {family.padding} is the padding: `tokenizer.specials=mpnet`"
    )
    detector = f"; `{family.discriminator}` if `replaced`" if family.discriminator else ""
    return f"{known} (unless {others}{padding}){detector}"


def _transformer_xl() -> list[str]:
    """Build a model whose sizes tell its dimensions apart, and say of each tensor of its folder how large it is."""
    sizes = {"V": 101, "H": 24, "N": 3, "D": 8, "F": 40}
    letters = {size: letter for letter, size in sizes.items()}
    shape = {"layers": 1, "width": sizes["H"], "heads": sizes["N"], "feed_forward": sizes["F"]}
    vocabulary = made_up_vocabulary(sizes["V"])
    settings = BACKBONES["transformer_xl"][0].model_validate(shape)
    encoder = build_encoder(settings, vocabulary)
    objective = build_objective(OBJECTIVES["causal"][0](), [], vocabulary, encoder)
    parameters = named_parameters(encoder, objective)
    tensors = all_theirs(parameters, TRANSFORMER_XL_NAMES, sizes["N"])
    lines = ["| tensor | our parameter | shape |", "|---|---|---|"]
    for ours in parameters:
        found = TRANSFORMER_XL_NAMES.theirs(ours)
        assert found is not None
        dimensions = " × ".join(letters.get(size, str(size)) for size in tensors[found[0]].shape)
        names = (re.sub(r"\.0\.", ".{i}.", name) for name in (found[0], ours))
        lines.append(f"| {' | '.join(f'`{name}`' for name in names)} | {dimensions} |")
    return lines


def _suites() -> list[str]:
    """One table a suite, one line a row: what it asks, and the files that it looks for."""
    lines: list[str] = []
    for name in suite_names():
        _, suite = read_suite(name)
        lines += [f"**`{name}`**", "", "| row | asks | task | files |", "|---|---|---|---|"]
        for row, about in suite.rows.items():
            metric = getattr(about.task, "metric", None)
            kind = about.task.kind + (f", {metric}" if metric else "")
            ways = (", ".join(f"`{path}`" for path in files.parts.values()) for files in about.files)
            lines.append(f"| `{row}` | {about.about} | {kind} | {'; or '.join(ways)} |")
        lines.append("")
    return lines[:-1]


def _claims() -> list[str]:
    """One line a claim: what is said, what is measured, and who says it."""
    lines = ["| claim | what is said | what is measured | source |", "|---|---|---|---|"]
    for name, claim in CLAIMS.items():
        asked = " Also asked of a model of yours." if claim.ask else ""
        lines.append(f"| `{name}` | {claim.sentence} | {claim.experiment}{asked} | {claim.source} |")
    return lines


def _settings() -> list[str]:
    return ["```yaml", *annotated(resolve(EXAMPLE)), "```"]


def _optimizers() -> list[str]:
    lines = []
    for kind, (settings, _) in OPTIMIZERS.items():
        if kind != DEFAULT_OPTIMIZER:
            lines += ["```yaml", "optimizer:", *annotated(build(settings, {}, kind), "  "), "```", ""]
    return lines[:-1]


def main() -> int:
    """Write the pages that differ, and name them."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
