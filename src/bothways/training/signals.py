"""SIGTERM and SIGINT as a request: finish the step, save, stop. A second SIGINT aborts at once."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_ASKED_BY = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether a signal asked the run to stop; a context manager that puts the old handlers back."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self._before: dict[int, Any] = {}

    @property
    def is_set(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _ASKED_BY}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_set and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = signal.Signals(number).name
