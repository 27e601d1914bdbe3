"""Several GPUs: the processes that `torchrun` starts share out the runs, and each trains its own alone.

Processes meet once, while the text is prepared, and from then on in files only: the main one waits for the others'
checkpoints and results, judges, and writes everything down.
"""

import datetime
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bothways.training import distributed

PATIENCE = datetime.timedelta(days=1)
"""How long the others wait while the main process prepares the text."""
LOOK_SECONDS = 5.0
"""Between two looks whether the others have written; runs take minutes."""

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """Which part of the work is this process's."""

    rank: int = 0
    world: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def of(self, items: Sequence[T]) -> list[T]:
        """Return every `world`-th item, this process's."""
        return list(items[self.rank :: self.world])


def shared_out(prepare: Callable[[], T]) -> tuple[Share, T]:
    """Prepare in the main process first, then in the others; return this process's share and what came of it.

    Afterwards each process is alone: it sees no GPU but its own, and no other process. Nothing may have looked for GPUs
    before.
    """
    share = Share(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
    if share.world == 1:
        return Share(), prepare()
    with distributed.joined("cpu", PATIENCE.total_seconds()) as place:
        prepared = distributed.main_first(place, prepare)
    local = int(os.environ.get("LOCAL_RANK", "0"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    own = visible.split(",")[local : local + 1] if visible else [str(local)]
    os.environ |= {"CUDA_VISIBLE_DEVICES": "".join(own), "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    return share, prepared


def wait_for(is_there: Callable[[], bool]) -> None:
    """Wait until another process has written something; should it die, `torchrun` ends this one."""
    while not is_there():
        time.sleep(LOOK_SECONDS)
