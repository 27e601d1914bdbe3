"""`bothways pretrain`: from a recipe and text to a trained model in a run folder."""

import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothways import files, runtime
from bothways.assembly import Assembly, assemble, micro_rows, num_parameters
from bothways.checks import check
from bothways.errors import CheckpointError, DataError, UsageError
from bothways.formats.loader import check_rows
from bothways.handover import continued, taken_over
from bothways.interop.folder import is_theirs
from bothways.recipe import Recipe, resolve, write_resolved
from bothways.teachers import check_teachers, with_digests
from bothways.text.prepare import Prepared, prepare
from bothways.training import distributed, run_folder
from bothways.training.distributed import Place
from bothways.training.going_on import alone, going_on, where_to_go_on
from bothways.training.loop import train
from bothways.training.metrics import Progress, duration
from bothways.training.schedule import lengths_in_words
from bothways.training.state import State
from bothways.training.ways import choose_ways

RUNS = Path("runs")


@dataclass(frozen=True)
class Pretrained:
    """What a run came to."""

    folder: Path
    checkpoint: Path
    """The best checkpoint: a Hugging Face folder."""
    steps: int
    tokens: int
    seconds: float
    held_out: dict[str, float]
    """Held-out numbers of the best checkpoint."""

    def lines(self) -> list[str]:
        """Say where everything is, and what to do next."""
        numbers = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in self.held_out.items())
        whose = (
            "transformers loads this folder" if is_theirs(self.checkpoint) else "Bothways reads this folder"
        )
        return [
            f"trained {self.steps:,} steps, {self.tokens:,} tokens in {duration(self.seconds)}; {numbers}",
            f"model: {self.checkpoint} ({whose})",
            f'next:  bothways fill {self.folder} "text with a [?]"  ·  bothways score {self.folder} text.txt',
        ]


def pretrain(
    recipe: Recipe,
    out: Path | None,
    *,
    resume: bool = False,
    start_from: Path | None = None,
    words: Sequence[str] = (),
    until: float = 1.0,
    quiet: bool = False,
) -> Pretrained:
    """Train a recipe into a run folder, or continue the run that is there.

    `until` is the share of the budget after which it pauses, to be resumed (`training.loop.Run.until`).

    `start_from` is a run, checkpoint or Hugging Face folder whose weights, backbone and tokenizer are taken over; of
    the `words` with which the recipe was changed, those about the backbone hold there too (`handover.continued`).
    Raises every `BothwaysError`; see `training.loop.train` for those of training itself.
    """
    asked = recipe
    if start_from is not None:
        if resume:
            raise UsageError(
                "--resume goes on from the run's own weights; leave out --from, or --resume to begin anew"
            )
        start_from = run_folder.resolve_run(start_from)
        recipe = continued(recipe, start_from, words)
    check(recipe)
    if recipe.distil is not None:
        check_teachers(recipe, recipe.distil)
        recipe = recipe.model_copy(update={"distil": with_digests(recipe.distil)})
    if recipe.data.train is None:
        raise UsageError(
            "there is no text to train on; give a file or a folder with --data, or --data embedded"
        )
    with (
        distributed.joined(recipe.training.device) as place,
        Progress(quiet=quiet or not place.is_main) as bar,
    ):
        for line in taken_over(asked, recipe):
            bar.say(line)
        folder = out or next_folder(recipe.name)
        # Preparing may take hours, so what can be refused before is.
        check_rows(recipe.training.batch, micro_rows(recipe.training, place.world), place.world)
        _refuse_other_run(folder, recipe, resume=resume)
        prepared = distributed.main_first(place, lambda: prepared_text(recipe, bar.say))
        with alone(folder, place):
            _refuse_other_run(folder, recipe, resume=resume)
            checkpoint = where_to_go_on(folder, place, bar.say) if resume else None
            return _train(recipe, prepared, folder, place, bar, checkpoint, start_from, until)


def _train(
    recipe: Recipe,
    prepared: Prepared,
    folder: Path,
    place: Place,
    bar: Progress,
    checkpoint: Path | None,
    start_from: Path | None,
    until: float,
) -> Pretrained:
    if checkpoint is not None:
        _refuse_other_text(folder, prepared)
    built = assemble(recipe, prepared, folder, place, checkpoint or start_from)
    if place.is_main:
        _write_down(recipe, prepared, built, folder)
    for line in _opening(recipe, built, checkpoint):
        bar.say(line)
    state = train(dataclasses.replace(built.run, until=until), bar, checkpoint)
    return _outcome(folder, state)


def shards_folder(recipe: Recipe) -> Path:
    """Return where the recipe's shards are kept: one folder for each text and tokenizer, shared by all runs."""
    if recipe.data.shards is not None:
        return Path(recipe.data.shards)
    data = recipe.data.model_dump(mode="json", exclude={"shards", "workers"})
    words = json.dumps([data, recipe.tokenizer.model_dump(mode="json")], sort_keys=True)
    return RUNS / "shards" / files.digest(words)[:12]


def prepared_text(recipe: Recipe, say: Callable[[str], None]) -> Prepared:
    """Return the recipe's tokenizer and shards, made now or found ready."""
    return prepare(recipe.data, recipe.tokenizer, shards_folder(recipe), say)


def _refuse_other_run(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """Overwrite no run that was not asked to be resumed, and resume none that is not there or of another recipe."""
    written = folder / "recipe.yaml"
    is_run = (folder / "environment.json").exists() or (folder / "checkpoints").exists()
    if written.exists() and not is_run:
        raise UsageError(
            f"{written} is a recipe but no run was begun beside it, where it would be overwritten; "
            "choose another folder with --out" + (", and leave out --resume" if resume else "")
        )
    if not resume:
        if (folder / "checkpoints").exists():
            raise UsageError(
                f"{folder} already holds a run; continue it with --resume, or choose another folder with --out"
            )
        return
    if not written.exists():
        raise CheckpointError(f"{folder} holds no run to resume; leave out --resume to begin one")
    before, now = (_fixed(each) for each in (resolve(str(written)), recipe))
    for name, value in before.items():
        if now.get(name) != value:
            raise UsageError(
                f"{folder} was begun with {name}={value}, now it is {now.get(name)}, which would be another run; "
                "resume it unchanged, or begin a new one with --from"
            )


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that a resumed run cannot change, by their full names; how long to go on is not one."""
    training = recipe.training
    fixed: dict[str, Any] = {
        "seed": recipe.seed,
        "training.batch": training.batch,
        "training.optimizer.kind": training.optimizer.kind,
    }
    for section in ("format", "objective", "backbone"):
        settings = getattr(recipe, section)
        fixed[f"{section}.kind"] = settings.kind
        fixed |= {f"{section}.{name}": value for name, value in settings.model_dump(mode="json").items()}
    # Teachers are known by their content: they may have been moved.
    distil = recipe.distil and recipe.distil.model_dump(mode="json", exclude={"teachers"})
    return fixed | {"extras": [extra.model_dump(mode="json") for extra in recipe.extras], "distil": distil}


def _refuse_other_text(folder: Path, prepared: Prepared) -> None:
    """A resumed run must see the very tokens it began with."""
    path = folder / "environment.json"
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["data"]["fingerprint"]
    except (OSError, ValueError, KeyError):
        raise CheckpointError(f"{path} is missing or damaged; the run's text cannot be checked") from None
    if before != prepared.train.fingerprint:
        raise DataError(
            f"the text or tokenizer of {folder} has changed since the run began, so it cannot be resumed exactly; "
            "restore it, or begin a new run with --from"
        )


def _write_down(recipe: Recipe, prepared: Prepared, built: Assembly, folder: Path) -> None:
    write_resolved(recipe, folder / "recipe.yaml")
    run = built.run
    files.write_json(
        folder / "environment.json",
        runtime.environment()
        | {
            "device": str(run.place.device),
            "world": run.place.world,
            **{name: str(choice) for name, choice in _ways(built).items()},
            "parameters": num_parameters(built.model),
            "data": {
                "fingerprint": prepared.train.fingerprint,
                "shards": str(prepared.folder.resolve()),
                "train_tokens": prepared.train.num_tokens,
                "valid_tokens": prepared.valid.num_tokens,
            },
        },
    )


def _opening(recipe: Recipe, built: Assembly, checkpoint: Path | None) -> list[str]:
    """Say what is about to run, and which ways to compute it were chosen."""
    place = built.run.place
    schedule = recipe.training.schedule
    lines = [
        f"{recipe.name}: {num_parameters(built.model) / 1e6:.1f} M parameters on {place.device}"
        + (f" × {place.world}" if place.world > 1 else ""),
        "; ".join(f"{name} {choice}" for name, choice in _ways(built).items()),
        *built.format.report(),
    ]
    if schedule.length:
        lines.append(f"rows of {lengths_in_words(schedule, recipe.format.length)} (training.schedule.length)")
    if recipe.training.epochs is not None:
        lines.append(f"training.epochs={recipe.training.epochs:g} is {built.run.settings.steps:,} steps")
    if built.missing:
        lines.append("drawn anew, absent in the weights started from: " + ", ".join(built.missing))
    return lines + going_on(checkpoint)


def _ways(built: Assembly) -> dict[str, runtime.Choice]:
    run = built.run
    return choose_ways(run.encoder, run.settings, run.place.device, run.precision)


def _outcome(folder: Path, state: State) -> Pretrained:
    best = run_folder.best(folder)
    checkpoint = best.folder if best else run_folder.checkpoint_folder(folder, state.step)
    held_out = {best.metric: best.value} if best else {}
    return Pretrained(folder, checkpoint, state.step, state.tokens, round(state.seconds, 1), held_out)


def next_folder(name: str) -> Path:
    """Return `runs/<recipe>-<n>` with the next free number; a name like `table6/1-bert` has a folder of its own."""
    place = RUNS / name
    pattern = re.compile(re.escape(place.name) + r"-(\d+)")
    taken = place.parent.iterdir() if place.parent.is_dir() else iter(())
    numbers = [int(match[1]) for path in taken if (match := pattern.fullmatch(path.name))]
    return place.with_name(f"{place.name}-{max(numbers, default=0) + 1}")


def as_json(outcome: Pretrained) -> dict[str, object]:
    """Return an outcome for `--json`."""
    return dataclasses.asdict(outcome)
