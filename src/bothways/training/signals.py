"""SIGTERM and SIGINT as a request: finish the step, save, stop. A second SIGINT aborts at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_ASKED_BY = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether a signal asked the run to stop; a context manager that puts the old handlers back.

    Only a program's main thread can hear signals; in another thread the request is never made.
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        """The name of the first signal that came."""
        self._before: dict[int, Any] = {}

    @property
    def is_set(self) -> bool:
        return self.signal is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _ASKED_BY}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.is_set and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or signal.Signals(number).name
