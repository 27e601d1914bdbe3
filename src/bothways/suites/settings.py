"""What a suite says: its rows, where their files lie, and what others published on them."""

import re
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from bothways.config import Settings, nearest, one_of
from bothways.evaluate import MinimalPairSettings
from bothways.records.columns import ColumnSettings
from bothways.tasks import TASKS, TaskSettings

_NAME = re.compile(r"[\w-]+")


class PairTask(MinimalPairSettings):
    """Minimal pairs, asked without training."""

    kind: Literal["minimal_pairs"] = "minimal_pairs"


class ProbeTask(Settings):
    """Blanks to fill, asked without training."""

    kind: Literal["probes"] = "probes"


ASKED = (PairTask, ProbeTask)
"""What is asked without training."""

if TYPE_CHECKING:  # a type checker cannot read unions out of dictionaries
    AnyTask: TypeAlias = TaskSettings | PairTask | ProbeTask
else:
    AnyTask = one_of({**TASKS, "minimal_pairs": (PairTask, None), "probes": (ProbeTask, None)})


class Files(Settings):
    """One way in which a row's files may lie: paths within the folder of all data, where .gz and .zst are found too."""

    train: str | None = None
    """Records to learn from; without training, none."""
    dev: str | None = None
    """Records that choose the checkpoint; absent, a tenth of `train` by hash of its content."""
    test: str | None = None
    """Records that are reported on; absent, `dev`, or where that is absent too, another tenth of `train`."""
    columns: ColumnSettings = ColumnSettings()
    """Which columns hold what; guessed where nothing is said."""
    note: str = ""
    """What the table must say of these files."""

    @property
    def parts(self) -> dict[str, str]:
        """The parts that are given, and their paths."""
        known = {"train": self.train, "dev": self.dev, "test": self.test}
        return {part: path for part, path in known.items() if path is not None}


class Row(Settings):
    """One task of a suite."""

    about: str
    """What is asked, in one sentence."""
    task: AnyTask
    """What is learned, or asked without training: `minimal_pairs`, `probes`."""
    files: tuple[Files, ...] = Field(min_length=1, strict=False)
    """Where its records may lie; the first way that is found whole counts."""
    training: dict[str, Any] = Field(default={})
    """How training differs from that of every fine-tuning run, such as `epochs: 10`."""
    judged: int | None = Field(default=None, ge=1)
    """Dev records, and test records, that are judged at most, where all of them would take too long."""
    also: tuple[str, ...] = Field(default=(), strict=False)
    """Metrics that are shown besides the deciding one."""

    @model_validator(mode="after")
    def _has_files(self) -> Self:
        wanted = "test" if isinstance(self.task, ASKED) else "train"
        if any(wanted not in files.parts for files in self.files):
            raise ValueError(f"each of its files needs {wanted}")
        return self


class Published(Settings):
    """What somebody else reports."""

    model: str
    source: str
    """Paper and table, and on which part."""
    scores: dict[str, dict[str, float]]
    """Row → metric → score, times 100 as papers have it."""


class Suite(Settings):
    """Tasks that belong together."""

    title: str
    rows: dict[str, Row] = Field(min_length=1)
    """The tasks, by name."""
    average: tuple[str, ...] = Field(default=(), strict=False)
    """Rows whose mean is the last line of the table; of none, there is no such line."""
    published: tuple[Published, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _rows_may_name_folders(self) -> Self:
        odd = next((name for name in self.rows if not _NAME.fullmatch(name)), None)
        if odd is not None:
            raise ValueError(
                f"a row is called {odd!r}; use letters, digits, - and _, since it names a folder"
            )
        return self

    @model_validator(mode="after")
    def _names_its_rows(self) -> Self:
        named = [*self.average, *(row for each in self.published for row in each.scores)]
        unknown = next((name for name in named if name not in self.rows), None)
        if unknown is not None:
            raise ValueError(f"there is no row {unknown!r}; {nearest(unknown, list(self.rows))}")
        return self
