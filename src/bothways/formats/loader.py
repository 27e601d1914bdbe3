"""The loader: a rank's share of each step, cut into micro-batches, corrupted, and prepared ahead in a thread.

Each step is a global batch of rows. A rank takes a contiguous slice of it and cuts that into micro-batches of
fixed rows, so a stream's columns stay in one micro-batch and its memory stays with it. All is a pure function
of (seed, step, first row): a resumed run needs no state but its step, and another number of ranks reads the
same rows. Static masks (Liu et al. 2019, section 4.1) are steps that come again.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bothways.batch import Batch, Examples
from bothways.errors import UsageError
from bothways.formats.protocol import Format
from bothways.formats.shuffle import key_of

Corrupt = Callable[[Examples, np.random.Generator], Batch]


def check_rows(global_rows: int, micro_rows: int, world: int) -> None:
    """Raise `UsageError` unless a step's rows are whole micro-batches on every rank."""
    share = world * micro_rows
    if global_rows % share:
        nearest = max(1, round(global_rows / share)) * share
        raise UsageError(
            f"{global_rows} rows a step are no micro-batches of {micro_rows} on {world} ranks; "
            f"use {nearest} rows a step, or micro-batches whose size times {world} divides {global_rows}"
        )


class Loader:
    """The micro-batches of one rank."""

    def __init__(
        self,
        format: Format,  # noqa: A002
        corrupt: Corrupt,
        *,
        seed: int,
        global_rows: int,
        micro_rows: int,
        rank: int = 0,
        world: int = 1,
        static_epochs: int | None = None,
    ) -> None:
        check_rows(global_rows, micro_rows, world)
        self._format = format
        self._corrupt = corrupt
        self._seed = seed
        share = global_rows // world
        self.micro_batches = tuple(
            range(first, first + micro_rows) for first in range(rank * share, (rank + 1) * share, micro_rows)
        )
        """The rows of the global batch in each micro-batch of this rank; the same in every step."""
        self._period = static_epochs and static_epochs * format.steps_per_epoch
        """After how many steps all comes again; None: never."""
        self.stall_seconds = 0.0
        """How long `iterate` has kept its caller waiting."""

    def step(self, step: int) -> list[Batch]:
        """Return the micro-batches of a step, in order."""
        drawn = step % self._period if self._period else step
        return [self._micro_batch(drawn, rows) for rows in self.micro_batches]

    def iterate(self, first_step: int = 0, ahead: int = 2) -> Generator[list[Batch], None, None]:
        """Yield the micro-batches of `first_step` and all following steps, without end.

        One thread prepares up to `ahead` steps in advance. Its errors are raised here, at the step they
        belong to. Closing the iterator ends the thread.
        """
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bothways-loader")
        try:
            waiting = deque(pool.submit(self.step, step) for step in range(first_step, first_step + ahead))
            for following in itertools.count(first_step + ahead):
                began = time.perf_counter()
                batches = waiting.popleft().result()
                self.stall_seconds += time.perf_counter() - began
                waiting.append(pool.submit(self.step, following))
                yield batches
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _micro_batch(self, step: int, rows: range) -> Batch:
        generator = np.random.Generator(np.random.Philox(key=key_of(self._seed, "corrupt", step, rows.start)))
        return self._corrupt(self._format.examples(step, rows), generator)
