"""What a format reads and what it promises: token shards in, rows of text out.

A format is a *pure function* of (seed, step, row). It remembers nothing but caches that can be rebuilt, so
the cursor of a run is one integer, any step can be read alone, and the rows of a step are the same for every
number of ranks and every size of micro-batch.
"""

from typing import Protocol

import numpy as np

from bothways.batch import Examples


class Source(Protocol):
    """The part of `text.shards.Shards` that formats read: documents of tokens, without special tokens."""

    @property
    def num_documents(self) -> int: ...

    @property
    def document_lengths(self) -> np.ndarray:
        """int64 [documents], in tokens."""
        ...

    def document(self, index: int, /) -> np.ndarray:
        """Integer [tokens]; only slices of it are copied, so a memory-mapped view is best."""
        ...

    def sentence_lengths(self, index: int, /) -> np.ndarray:
        """int64 [sentences], in tokens; they add up to the document's length."""
        ...


class Format(Protocol):
    """A way to cut a corpus into rows, one *global batch* of rows a step."""

    @property
    def needs(self) -> frozenset[str]:
        """What the backbone must offer."""
        ...

    @property
    def offers(self) -> frozenset[str]:
        """What an objective may ask for."""
        ...

    @property
    def length(self) -> int:
        """Slots per row."""
        ...

    @property
    def rows_per_epoch(self) -> int: ...

    @property
    def steps_per_epoch(self) -> int: ...

    def examples(self, step: int, rows: range) -> Examples:
        """Return some rows of a step's global batch; `rows` lies within `range(global_rows)`."""
        ...

    def report(self) -> list[str]:
        """Return sentences that count rows, padding, and every token that an epoch leaves out."""
        ...


def row_numbers(rows: range, global_rows: int) -> np.ndarray:
    """Return `rows` as int64 [rows]; raise `ValueError` where they are not rows of the global batch."""
    if rows.step != 1 or not 0 <= rows.start < rows.stop <= global_rows:
        raise ValueError(f"{rows} is not a contiguous part of the {global_rows} rows of a step")
    return np.arange(rows.start, rows.stop, dtype=np.int64)
