"""`bothways compare`: train every contender into a run folder of its own, ask all the same, say what it shows.

The recipes of one seed advance by turns and are judged together, then those of the next. Whatever is finished already
is not done again, so an interrupted comparison goes on where it stood.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bothways import files
from bothways.compare.contamination import Contamination, contamination
from bothways.compare.contenders import Contender
from bothways.compare.forecast import seconds_of_shortest
from bothways.compare.judging import judged, last_checkpoint
from bothways.compare.memory import noting_memory
from bothways.compare.plan import Plan
from bothways.compare.ranks import shared_out, wait_for
from bothways.compare.record import TASKS, Comparison, concluded, write_comparison
from bothways.compare.results import Result, read_results, write_results
from bothways.compare.turns import by_turns, turns_of
from bothways.errors import Interrupted, UsageError
from bothways.finetuning.results import TaskResult
from bothways.finetuning.results import write_results as write_task_results
from bothways.pretrain import prepared_text, pretrain, shards_folder
from bothways.recipe import resolve
from bothways.recipe_files import flat
from bothways.suites.cells import Cell, finished, run
from bothways.text.prepare import Prepared, texts_of
from bothways.training.going_on import used

Say = Callable[[str], None]
Key = tuple[str, int]
"""A recipe's name and a seed."""

CHARACTERS = 4
"""Of a token, about: how much held-out text is read as text."""


@dataclass(frozen=True)
class Entry:
    """A contender whose budget is settled, with its text."""

    contender: Contender
    prepared: Prepared
    digest: str
    """Of everything that decides its result; where files lie does not."""

    @property
    def folder(self) -> Path:
        return self.contender.folder

    @property
    def key(self) -> Key:
        return self.contender.recipe.name, self.contender.recipe.seed

    @property
    def used(self) -> float:
        """The share of its budget that it has used up."""
        return used(self.folder, self.contender.recipe.training.budget)


def compare(plan: Plan, say: Say = lambda _line: None, *, quiet: bool = False) -> Comparison | None:
    """Train and judge every contender that is not yet; raise every `BothwaysError` of `pretrain` and of fine-tuning.

    Under `torchrun` the processes share out the runs, and only the main one returns a comparison.
    """
    share, entries = shared_out(lambda: _entries(plan, say))
    say = say if share.is_main else _silent
    for line in (plan.total(), *plan.notes):
        say(line)
    found = contamination(plan.contenders[0].recipe.data, plan.tasks) if share.is_main else []
    for each in found:
        say(each.line())
    judge = _Judge(plan, say)
    mine = share.of(entries)
    to_train = [entry for entry in mine if judge.known(entry) is None]
    turns = turns_of(seconds_of_shortest(plan, [entry.contender for entry in entries])) if to_train else 1
    for seed in plan.seeds:
        of_seed = [entry for entry in mine if entry.key[1] == seed]
        _train([entry for entry in of_seed if entry in to_train], turns, say, quiet=quiet)
        for entry in of_seed:
            if share.is_main:
                judge.ask(entry)
            _learn_tasks(plan, entry, say, quiet=quiet)
    return _collected(plan, entries, judge, found) if share.is_main else None


def _silent(_line: str) -> None:
    pass


def _entries(plan: Plan, say: Say) -> list[Entry]:
    """Prepare the text of all contenders, and settle their budgets by it."""
    prepared: dict[Path, Prepared] = {}
    found = []
    for contender in plan.contenders:
        recipe, place = contender.recipe, shards_folder(contender.recipe)
        if place not in prepared:
            prepared[place] = prepared_text(recipe, say)
        text = prepared[place]
        recipe = plan.budget.settled(recipe, text.train, text.vocabulary)
        settings = recipe.model_dump(mode="json", exclude={"data"})
        words = [settings, text.train.fingerprint, text.valid.fingerprint]
        found.append(Entry(replace(contender, recipe=recipe), text, files.digest(json.dumps(words))))
    return found


# ---- training -----------------------------------------------------------------------------------------------


def _train(entries: Sequence[Entry], turns: int, say: Say, *, quiet: bool) -> None:
    def advance(entry: Entry, until: float) -> None:
        say(f"{entry.contender.title}" + (f", to {until:.0%} of its budget" if turns > 1 else ""))
        _advance(entry, until, quiet=quiet)

    if entries:
        by_turns(entries, turns, lambda entry: entry.used, advance)


def _advance(entry: Entry, until: float, *, quiet: bool) -> None:
    """Train a contender until a share of its budget is used up, from wherever it stands; note what memory it took."""
    folder = entry.folder
    begun = (folder / "checkpoints").exists()
    if begun:
        _refuse_other_settings(entry.contender)
    is_ahead = entry.used < until

    def advance() -> None:
        pretrain(entry.contender.recipe, folder, resume=begun, until=until, quiet=quiet)

    with _saying_how_to_go_on(entry.contender.title, folder.parent.parent):
        noting_memory(folder, advance) if is_ahead else advance()


@contextlib.contextmanager
def _saying_how_to_go_on(what: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except Interrupted as stop:
        raise Interrupted(
            f"stopped during {what}, all is saved; go on with the same command and --out {folder}"
        ) from stop


def _refuse_other_settings(contender: Contender) -> None:
    """A run that was begun under other conditions, a smaller budget for one, is not the run that is compared."""
    before, now = (
        flat(each.model_dump(mode="json", exclude={"data", "evaluation"}))
        for each in (resolve(str(contender.folder / "recipe.yaml")), contender.recipe)
    )
    for name in before | now:
        if before.get(name) != now.get(name):
            raise UsageError(
                f"{contender.folder} was begun with {name}={before.get(name)}, now it is {now.get(name)}, which would "
                "be another run; compare in another folder, --out"
            )


# ---- judging ------------------------------------------------------------------------------------------------


class _Judge:
    """Asks every trained model once, and remembers what it was told."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self._plan, self._say = plan, say
        self._known = {(result.recipe, result.seed): result for result in read_results(plan.folder)}

    def known(self, entry: Entry) -> Result | None:
        """Return what was found before under the same conditions."""
        result = self._known.get(entry.key)
        return result if result is not None and result.digest == entry.digest else None

    def ask(self, entry: Entry) -> Result:
        """Return what a trained contender came to, and write it down where it is new."""
        before = self.known(entry)
        if before is not None:
            return before
        self._say(f"{entry.contender.title}: asked about held-out text")
        found = judged(entry.contender, entry.prepared, entry.digest, self._held_out)
        self._known[entry.key] = found
        write_results(self._plan.folder, list(self._known.values()))
        return found

    @functools.cached_property
    def _held_out(self) -> list[str] | None:
        """Held-out documents as text, as many as are drawn from, where tokens do not compare."""
        if not self._plan.own_tokenizers:
            return None
        recipe, found = self._plan.contenders[0].recipe, list[str]()
        room = recipe.evaluation.pool_tokens * CHARACTERS
        for text in texts_of(recipe.data, held_out=True):
            if room <= 0:
                break
            found.append(text)
            room -= len(text)
        return found


def _learn_tasks(plan: Plan, entry: Entry, say: Say, *, quiet: bool) -> list[TaskResult]:
    """Do the cells of a trained contender that are not done yet; return the results of all."""
    found = []
    for cell in _cells(plan, entry):
        results = finished(cell)
        if not results:
            say(cell.title)
            with _saying_how_to_go_on(cell.title, plan.folder):
                results = run(cell, quiet=quiet, keep_model=False)
        # What is asked without training knows no seed, but its model has one.
        found += [replace(result, seed=cell.seed) for result in results]
    return found


def _cells(plan: Plan, entry: Entry) -> list[Cell]:
    checkpoint = last_checkpoint(entry.contender) if plan.tasks else entry.folder
    return [task.cell(entry.contender, checkpoint) for task in plan.tasks]


def _is_trained(entry: Entry) -> bool:
    return entry.used >= 1.0


def _is_done(cell: Cell) -> bool:
    return bool(finished(cell))


def _collected(
    plan: Plan, entries: Sequence[Entry], judge: _Judge, found: Sequence[Contamination]
) -> Comparison:
    """Wait for what other processes do, judge it, and write down what all of it says."""
    tasks = []
    for entry in entries:
        wait_for(functools.partial(_is_trained, entry))
        judge.ask(entry)
        for cell in _cells(plan, entry):
            wait_for(functools.partial(_is_done, cell))
        tasks += _learn_tasks(plan, entry, _silent, quiet=True)
    if plan.tasks:
        write_task_results(plan.folder / TASKS, tasks)
    results = [judge.ask(entry) for entry in entries]
    comparison = concluded(plan.folder, plan.budget, results, tasks, contamination=found, notes=plan.notes)
    write_comparison(comparison)
    return comparison
