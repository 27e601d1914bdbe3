"""Several processes training one model under `torchrun`, and the single process as the case of one.

Every process holds the whole model and computes some rows of each batch. Losses are divided by global counts
before the backward pass, so gradients are summed over the processes, never averaged. That is also why
`DistributedDataParallel` is not used: it averages, and reduces during each of several accumulated backwards.
"""

import contextlib
import datetime
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import safetensors.torch
import torch
import torch.distributed as dist
from torch import Tensor, nn

from bothways import runtime
from bothways.errors import BothwaysError

BUCKET_BYTES = 32 * 2**20
"""How much is sent in one piece: large enough to use the wire, small enough to copy while another is sent."""

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a process stands among all of its run."""

    rank: int
    world: int
    """How many processes there are."""
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks to the user."""
        return self.rank == 0


@contextlib.contextmanager
def joined(device: str = "auto", timeout_seconds: float = 600) -> Iterator[Place]:
    """Join the other processes that `torchrun` started, if it did, and leave them at the end.

    A process waits at most `timeout_seconds` for the others at any one point. Who joins within has joined already:
    processes that left and met again under one `torchrun` would seek each other where they were before.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    chosen = runtime.choose_device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if world == 1:
        yield Place(0, 1, chosen)
        return
    if dist.is_initialized():
        yield Place(rank, world, chosen)
        return
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=datetime.timedelta(seconds=timeout_seconds))
    try:
        yield Place(rank, world, chosen)
    finally:
        dist.destroy_process_group()


def is_main() -> bool:
    """Say whether this process writes files and speaks to the user."""
    return not dist.is_initialized() or dist.get_rank() == 0


def barrier() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        _together(dist.barrier)


def main_first(place: Place, work: Callable[[], T]) -> T:
    """Do `work` in the main process, then in the others, which find on the disk what it wrote."""
    if not place.is_main:
        barrier()
        return work()
    done = work()
    barrier()
    return done


def sum_over_ranks(values: Mapping[str, float]) -> dict[str, float]:
    """Return the sum of each value over all processes, which must give the same names.

    Sums are in float64: counts are exact up to 2^53.
    """
    if not dist.is_initialized():
        return dict(values)
    names = sorted(values)
    together = torch.tensor([values[name] for name in names], dtype=torch.float64, device=_wire())
    _together(lambda: dist.all_reduce(together))
    return dict(zip(names, together.tolist(), strict=True))


def any_over_ranks(flag: bool) -> bool:
    """Say whether `flag` is set in any process, so that all of them decide alike."""
    return sum_over_ranks({"flag": float(flag)})["flag"] > 0


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its sum over all processes.

    A parameter without a gradient here counts as zero; one without a gradient anywhere keeps none, so that
    the optimizer leaves it alone as it does in a single process.
    """
    if not dist.is_initialized():
        return
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    present = torch.tensor([float(parameter.grad is not None) for parameter in trained], device=_wire())
    _together(lambda: dist.all_reduce(present))
    gradients = []
    for parameter, count in zip(trained, present.tolist(), strict=True):
        if count > 0:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
    _in_buckets(gradients, lambda flat: dist.all_reduce(flat, async_op=True))


def copy_from_main(tensors: Iterable[Tensor]) -> None:
    """Overwrite tensors (a model's parameters and buffers) by the main process's, so that all begin alike."""
    if dist.is_initialized():
        held = [tensor.detach() for tensor in tensors]
        _in_buckets(held, lambda flat: dist.broadcast(flat, src=0, async_op=True))


def gather_tensors(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return every process's tensors, by rank and on the host, in the main process; elsewhere an empty list.

    Names, shapes and types may differ between processes: this collects carried memory and random states for a
    checkpoint. They travel as safetensors, so receiving them can execute nothing.
    """
    held = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    if not dist.is_initialized():
        return [held]
    packed = torch.frombuffer(bytearray(safetensors.torch.save(held)), dtype=torch.uint8)
    sizes = [torch.zeros(1, dtype=torch.int64, device=_wire()) for _ in range(dist.get_world_size())]
    size = torch.tensor([len(packed)], device=_wire())
    _together(lambda: dist.all_gather(sizes, size))
    longest = max(int(size) for size in sizes)
    padded = nn.functional.pad(packed, (0, longest - len(packed))).to(_wire())
    parts = [torch.empty_like(padded) for _ in sizes] if is_main() else None
    _together(lambda: dist.gather(padded, parts, dst=0))
    return [
        safetensors.torch.load(part[: int(size)].cpu().numpy().tobytes())
        for part, size in zip(parts or [], sizes, strict=False)
    ]


def _in_buckets(tensors: list[Tensor], send: Callable[[Tensor], dist.Work | None]) -> None:
    """Send tensors in flat pieces of one type and about `BUCKET_BYTES`, and copy the answers back."""
    sent = []
    for bucket in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
        sent.append((bucket, flat, _together(functools.partial(send, flat))))
    for bucket, flat, work in sent:
        if work is not None:
            _together(work.wait)
        pieces = torch.split(flat, [tensor.numel() for tensor in bucket])
        for tensor, piece in zip(bucket, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Group neighbouring tensors of one type; the same on every process, since the shapes are."""
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if bucket and (size + tensor.nbytes > BUCKET_BYTES or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.nbytes
    if bucket:
        yield bucket


def _wire() -> torch.device:
    """Return the device whose tensors the process group carries."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def _together(collective: Callable[[], T]) -> T:
    """Run a collective operation; explain its failure, which nearly always is another process's end."""
    try:
        return collective()
    except RuntimeError as error:
        raise BothwaysError(
            f"process {dist.get_rank()} of {dist.get_world_size()} lost another one "
            f"({str(error).splitlines()[0]}); start the run again with --resume"
        ) from error
