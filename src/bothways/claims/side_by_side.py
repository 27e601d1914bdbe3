"""Work that keeps one processor busy, done on all of them: a process for each, of one thread."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import as_completed
from typing import TypeVar

from bothways.text.workers import Workers, default_count

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    function: Callable[[Item], Result], items: Mapping[str, Item]
) -> Iterator[tuple[str, Result]]:
    """Yield each item's name and what `function` makes of it, in the order in which they are done.

    The function must be importable. What it raises is raised here, and ends the others.
    """
    processes = min(len(items), default_count())
    if processes < 2:
        yield from ((name, function(item)) for name, item in items.items())
        return
    with Workers(processes) as workers:
        running = {workers.submit(function, item): name for name, item in items.items()}
        for done in as_completed(running):
            yield running[done], done.result()
