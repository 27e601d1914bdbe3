"""Worker processes that need nothing from the calling program.

`multiprocessing` imports the caller's main module again in every spawned process (so a script without a
`__main__` guard fails, and a heavy command line is loaded once more per worker), and forking a process in
which other libraries run threads may hang. These workers are plain subprocesses of this file: they start
with `sys.path` and nothing else, and they end by themselves when the parent is gone, even killed.
"""

import os
import queue
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, TypeVar

from bothways.errors import DataError

T = TypeVar("T")

_BOOT = (
    "import sys; sys.path[:] = sys.argv[2:]; from bothways.text.workers import serve; serve(int(sys.argv[1]))"
)


def default_count() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """A pool of subprocesses; functions and arguments must be importable and picklable."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(count)
        self._started: list[tuple[subprocess.Popen[bytes], Connection]] = []

    def __enter__(self) -> "Workers":
        for _ in range(self.count):
            process, connection = _start()
            self._started.append((process, connection))
            self._idle.put(connection)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for process, _ in self._started:
                process.terminate()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process, connection in self._started:
            connection.close()
            process.wait()

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Run `function(*arguments)` in the next free worker."""
        return self._threads.submit(self._ask, function, *arguments)

    def ordered(self, function: Callable[..., T], items: Iterable[Any]) -> Iterator[T]:
        """Yield `function(item)` in the order of `items`, a few items ahead of the consumer."""
        waiting: deque[Future[T]] = deque()
        for item in items:
            waiting.append(self.submit(function, item))
            if len(waiting) > 2 * self.count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _ask(self, function: Callable[..., T], *arguments: Any) -> T:
        connection = self._idle.get()
        try:
            connection.send((function, arguments))
            is_error, result = connection.recv()
        except (EOFError, OSError) as error:
            raise DataError(
                "a worker process stopped unexpectedly, perhaps for lack of memory; set data.workers=1"
            ) from error
        finally:
            self._idle.put(connection)
        if is_error:
            raise result
        answer: T = result
        return answer


def _start() -> tuple["subprocess.Popen[bytes]", Connection]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, str(theirs.fileno()), *sys.path],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            # A terminal's Ctrl-C goes to the parent alone, which then closes the connections.
            start_new_session=True,
            # Each worker is one thread of the machine; tokenizers would start one per processor in each.
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"},
        )
    return process, Connection(ours.detach())


def serve(descriptor: int) -> None:
    """Answer calls on an inherited socket until the other side closes it (runs in the worker)."""
    connection = Connection(descriptor)
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            # Everything that a worker holds ends with it; Python would first free it piece by piece.
            os._exit(0)
        try:
            answer = (False, function(*arguments))
        except Exception as error:  # every error belongs to the caller
            answer = (True, error)
        try:
            connection.send(answer)
        except BrokenPipeError:
            return
