"""What a run writes down about itself, and what it shows while it runs.

`metrics.jsonl` is the log of truth: one JSON object a logged step, steps strictly rising, whatever was killed
and resumed in between.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress

from bothways import files

COLUMNS = frozenset(
    {
        "step",
        "loss",
        "gradient_norm",
        "tokens_per_second",
        "learning_rate",
        "tokens",
        "seconds",
        "skipped",
        "held_out",
    }
)
"""What a line of `metrics.jsonl` may hold besides the parts of the loss, which stand there under their own names."""


class MetricsLog:
    """The open `metrics.jsonl` of a run; a context manager.

    Opening drops what a resumed run will write again: lines beyond `resumed_step`, and a last line that a
    killed process left torn.
    """

    def __init__(self, path: Path, resumed_step: int = 0) -> None:
        with files.explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._last_step = _keep_until(path, resumed_step)
            self._stream = path.open("a", encoding="utf-8")
        self._path = path

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one step's record; it is in the file when this returns.

        `record["step"]` must be beyond the last one written (`ValueError`). Numbers that JSON cannot hold
        (not a number, infinite) are written as null.
        """
        step = record["step"]
        if step <= self._last_step:
            raise ValueError(f"step {step} is already in {self._path}, which ends at step {self._last_step}")
        line = json.dumps(_finite(record), allow_nan=False, ensure_ascii=False)
        with files.explained(self._path):
            self._stream.write(line + "\n")
            self._stream.flush()
        self._last_step = step

    def sync(self) -> None:
        """Flush the log to the disk; before a checkpoint, so that a power cut loses no line up to it."""
        with files.explained(self._path):
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the records of a log, in order; a torn line is left out. Works while the run is writing."""
    return [record for _, record in _records(path)] if path.exists() else []


class Progress:
    """Live progress: a bar on a terminal, one plain line per logged step elsewhere, or nothing.

    Everything goes to standard error, so that standard output holds results only. A context manager.
    """

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._mode: Literal["bar", "lines", "quiet"] = (
            "quiet" if quiet else "bar" if self._console.is_terminal else "lines"
        )
        # Two redraws a second: the drawing thread competes with training for the processor.
        self._bar = RichProgress(
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            refresh_per_second=2,
            transient=False,
        )
        self._task = self._bar.add_task("starting", total=1.0)
        self._start: tuple[float, float] | None = None

    def show(self, progress: float, record: Mapping[str, Any]) -> None:
        """Show a logged step: `progress` is the used share of the budget, `record` what `MetricsLog` got."""
        now = time.monotonic()
        if self._start is None:
            self._start = (progress, now)
        line = describe(record, progress, self._seconds_left(progress, now))
        if self._mode == "bar":
            self._bar.update(self._task, completed=progress, description=line)
        elif self._mode == "lines":
            self._plain(line)

    def say(self, sentence: str) -> None:
        """Print a sentence, above the bar where there is one."""
        if self._mode != "quiet":
            self._plain(sentence)

    def __enter__(self) -> Self:
        if self._mode == "bar":
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mode == "bar":
            self._bar.stop()

    def _plain(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _seconds_left(self, progress: float, now: float) -> float | None:
        """Extrapolate from the first step shown, so that time before an interruption does not count."""
        if self._start is None or progress <= self._start[0]:
            return None
        first, since = self._start
        return (now - since) * (1.0 - progress) / (progress - first)


def describe(record: Mapping[str, Any], progress: float, seconds_left: float | None) -> str:
    """Return one line for a person: step, share done, loss, speed, time left."""
    parts = [f"step {record['step']:,}", f"{progress:.0%}"]
    if (loss := record.get("loss")) is not None:
        parts.append(f"loss {loss:.3f}")
    if (speed := record.get("tokens_per_second")) is not None:
        parts.append(f"{speed:,.0f} tokens/s")
    if seconds_left is not None:
        parts.append(f"{duration(seconds_left)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return a length of time in words: `45 s`, `2 min 05 s`, `3 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _keep_until(path: Path, last_step: int) -> int:
    """Keep the log's whole lines up to `last_step`; return the last step kept, or -1."""
    if not path.exists():
        return -1
    kept = [(line, record) for line, record in _records(path) if record["step"] <= last_step]
    content = b"".join(line for line, _ in kept)
    if content != path.read_bytes():
        files.write_bytes(path, content)
    return max((int(record["step"]) for _, record in kept), default=-1)


def _records(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each whole line with its object, skipping what is not one."""
    with path.open("rb") as stream:
        for line in stream:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if line.endswith(b"\n") and isinstance(record, dict) and isinstance(record.get("step"), int):
                yield line, record


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
