"""Which items a step trains: a format over labelled items instead of text, a pure function of (seed, step, row).

An epoch is a random order of all items. Items of like length share a step, so short texts cost little: the order is
cut into stretches of `STRETCH` steps, each sorted by length, and the steps are shuffled. The last step of an epoch is
filled up with the first items of its order.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from bothways.config import Settings
from bothways.formats.protocol import row_numbers
from bothways.formats.shuffle import key_of, permute
from bothways.tasks.base import Task
from bothways.tasks.rows import Item, TaskExamples

STRETCH = 32
"""Steps whose items are sorted together."""


class Feed:
    """The items of one task."""

    needs: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()

    def __init__(
        self, task: Task[Any], items: Sequence[Item], seed: int, batch: int, name: str | None = None
    ) -> None:
        self._task, self._items, self._name = task, items, name
        self.batch, self._key = batch, (seed, "items", name or "")
        self._lengths = np.array([length_of(item) for item in items])
        self._order: tuple[int, np.ndarray] | None = None

    @property
    def length(self) -> int:
        return int(self._lengths.max())

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self._items) // self.batch)

    @property
    def rows_per_epoch(self) -> int:
        return self.steps_per_epoch * self.batch

    def examples(self, step: int, rows: range) -> TaskExamples:
        """Return some items of a step, padded to the longest of them."""
        epoch, step = divmod(step, self.steps_per_epoch)
        chosen = self._of_epoch(epoch)[step][row_numbers(rows, self.batch)]
        return self._task.stack([self._items[number] for number in chosen], self._name)

    def report(self) -> list[str]:
        """Say how many items there are, and how much padding their rows hold."""
        widest = self._of_epoch(0)
        padded = (self._lengths[widest].max(axis=1) * self.batch).sum()
        share = 1 - self._lengths[widest].sum() / padded
        name = f"{self._name}: " if self._name else ""
        return [
            f"{name}{len(self._items):,} items in {self.steps_per_epoch:,} steps an epoch, mean length "
            f"{self._lengths.mean():.0f}, {100 * share:.1f}% padding",
            *(name + line for line in self._task.remarks(self._items)),
        ]

    def _of_epoch(self, epoch: int) -> np.ndarray:
        """Return the numbers of the items of each step, int64 [steps, batch]."""
        if self._order is None or self._order[0] != epoch:
            self._order = (epoch, self._draw(epoch))
        return self._order[1]

    def _draw(self, epoch: int) -> np.ndarray:
        count, steps = len(self._items), self.steps_per_epoch
        drawn = permute(np.arange(count), count, key_of(*self._key, epoch))
        order = np.resize(drawn, self.rows_per_epoch)
        stretch = np.arange(len(order)) // (STRETCH * self.batch)
        by_length = order[np.lexsort((self._lengths[order], stretch))].reshape(steps, self.batch)
        return by_length[permute(np.arange(steps), steps, key_of(*self._key, epoch, "steps"))]


def length_of(item: Item) -> int:
    """Return the length of an item's longest row."""
    return max(len(row) for row in item)


class MixSettings(Settings):
    """How often each of several tasks is trained."""

    kind: Literal["proportional", "temperature", "main"] = "proportional"
    """By the number of its items (MT-DNN: Liu et al. 2019, algorithm 1); by that number to the power 1/`temperature`;
    or the task `main` in whole and of each other one `extra` times as many steps."""
    temperature: float = Field(default=2.0, ge=1)
    """1 is proportional; the higher, the more alike tasks weigh (Stickland and Murray 2019, section 3.3)."""
    main: str | None = None
    """The task that matters; the first one where none is named."""
    extra: float = Field(default=0.4, gt=0)
    """Steps of each other task as a share of the main one's."""


class Mixture:
    """Several feeds, one of which serves each step; an epoch is a random order of all their steps."""

    needs: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset()

    def __init__(self, feeds: dict[str, Feed], settings: MixSettings, seed: int) -> None:
        self._feeds, self._names, self._seed = feeds, list(feeds), seed
        self._steps = steps_of({name: feed.steps_per_epoch for name, feed in feeds.items()}, settings)
        self._plan: tuple[int, np.ndarray] | None = None

    @property
    def length(self) -> int:
        return max(feed.length for feed in self._feeds.values())

    @property
    def steps_per_epoch(self) -> int:
        return sum(self._steps.values())

    @property
    def rows_per_epoch(self) -> int:
        return sum(self._steps[name] * feed.batch for name, feed in self._feeds.items())

    def examples(self, step: int, rows: range) -> TaskExamples:
        """Return some items of the task whose turn it is."""
        epoch, step = divmod(step, self.steps_per_epoch)
        plan = self._of_epoch(epoch)
        name = self._names[plan[step]]
        before = int((plan[:step] == plan[step]).sum())
        return self._feeds[name].examples(epoch * self._steps[name] + before, rows)

    def report(self) -> list[str]:
        """Say how many items and steps each task has."""
        shares = ", ".join(f"{name} {count:,}" for name, count in self._steps.items())
        return [line for feed in self._feeds.values() for line in feed.report()] + [
            f"steps an epoch: {shares}"
        ]

    def _of_epoch(self, epoch: int) -> np.ndarray:
        """Return the number of the task of each step, int64 [steps]."""
        if self._plan is None or self._plan[0] != epoch:
            tasks = np.repeat(np.arange(len(self._names)), [self._steps[name] for name in self._names])
            order = permute(np.arange(len(tasks)), len(tasks), key_of(self._seed, "tasks", epoch))
            self._plan = (epoch, tasks[order])
        return self._plan[1]


def steps_of(own: dict[str, int], settings: MixSettings) -> dict[str, int]:
    """Return how many steps of an epoch each task has, from the steps that its own items fill."""
    if settings.kind == "proportional":
        return own
    if settings.kind == "main":
        main = settings.main or next(iter(own))
        return {
            name: own[name] if name == main else max(1, round(settings.extra * own[main])) for name in own
        }
    weights = {name: steps ** (1 / settings.temperature) for name, steps in own.items()}
    total, whole = sum(weights.values()), sum(own.values())
    return {name: max(1, round(whole * weight / total)) for name, weight in weights.items()}
