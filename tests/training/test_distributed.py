import textwrap

import pytest
import torch
from processes import on_two_ranks
from torch import nn

from bothways.training import distributed


def test_a_single_process_needs_no_group(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    parameter = nn.Parameter(torch.ones(2))
    parameter.grad = torch.full((2,), 3.0)
    with distributed.joined("cpu") as place:
        assert (place.rank, place.world, place.device, place.is_main) == (0, 1, torch.device("cpu"), True)
        assert not torch.distributed.is_initialized()
        assert distributed.is_main()
        distributed.barrier()
        assert distributed.sum_over_ranks({"b": 2.0, "a": 1.0}) == {"b": 2.0, "a": 1.0}
        assert [distributed.any_over_ranks(flag) for flag in (False, True)] == [False, True]
        distributed.sum_gradients([parameter])
        distributed.copy_from_main([parameter])
        assert parameter.grad.tolist() == [3.0, 3.0]
        memory = torch.ones(2)
        (gathered,) = distributed.gather_tensors({"memory": memory})
        memory.zero_()
        assert gathered["memory"].tolist() == [1.0, 1.0]


def test_who_has_joined_joins_no_second_time(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    for name in ("init_process_group", "destroy_process_group"):
        monkeypatch.setattr(torch.distributed, name, lambda *_words, **_more: pytest.fail("joined again"))
    with distributed.joined("cpu") as place:
        assert (place.rank, place.world, place.is_main) == (1, 2, False)


def test_buckets_hold_one_type_and_stay_small(monkeypatch):
    monkeypatch.setattr(distributed, "BUCKET_BYTES", 16)
    tensors = [torch.zeros(2), torch.zeros(2), torch.zeros(1), torch.zeros(9), torch.zeros(1).double()]
    sizes = [[tensor.numel() for tensor in bucket] for bucket in distributed._buckets(tensors)]
    assert sizes == [[2, 2], [1], [9], [1]]


TWO = """
    import os, signal, sys
    import torch
    from torch import nn
    from bothways.errors import BothwaysError
    from bothways.training import distributed
    from bothways.training.distributed import *

    distributed.BUCKET_BYTES = 64
    with joined("cpu", timeout_seconds=30) as place:
        rank = place.rank
        assert place.world == 2 and place.is_main == is_main() == (rank == 0)
        barrier()

        # Counts beyond what float32 holds, and names in another order on each process.
        counts = {"a": 2.0**30 + rank, "b": 10.0 * rank}
        counts = counts if rank else dict(reversed(counts.items()))
        assert sum_over_ranks(counts) == {"a": 2.0**31 + 1, "b": 10.0}
        assert any_over_ranks(rank == 1) and not any_over_ranks(False)

        # Each process holds half of the rows; the summed gradient must be that of all rows in one process.
        def network():
            torch.manual_seed(3)
            return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2)).double()
        rows = torch.randn(6, 5, generator=torch.Generator().manual_seed(1)).double()
        whole, half = network(), network()
        (whole(rows).square().sum() / 6).backward()
        (half(rows[3 * rank : 3 * rank + 3]).square().sum() / 6).backward()
        sum_gradients(half.parameters())
        for expected, parameter in zip(whole.parameters(), half.parameters()):
            torch.testing.assert_close(parameter.grad, expected.grad, rtol=1e-13, atol=1e-15)

        # A gradient on one process only, on none, and of a frozen parameter.
        single, unused, frozen = (nn.Parameter(torch.zeros(2)) for _ in range(3))
        frozen.requires_grad_(False)
        if rank == 1:
            single.grad = torch.tensor([1.0, 2.0])
        sum_gradients([single, unused, frozen])
        assert single.grad.tolist() == [1.0, 2.0] and unused.grad is None and frozen.grad is None

        # Not contiguous, of several types, and too large for one bucket together.
        start = [torch.full((3, 5), rank + 1.0).T, torch.tensor(rank), torch.full((40,), rank + 1.0)]
        copy_from_main([*start, nn.Parameter(torch.zeros(1))])
        assert (start[0] == 1).all() and start[1] == 0 and (start[2] == 1).all()

        memory = torch.full((2 + rank, 3), float(rank))
        parts = gather_tensors({"memory": memory, f"of {rank}": torch.tensor(True)})
        assert len(parts) == (2 if rank == 0 else 0)
        for number, part in enumerate(parts):
            assert sorted(part) == ["memory", f"of {number}"]
            assert part["memory"].shape == (2 + number, 3) and (part["memory"] == number).all()
        print("all agreed", file=sys.stderr)

        barrier()
        if rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            sum_over_ranks({"loss": 1.0})
        except BothwaysError as error:
            print(error, file=sys.stderr)
            code = error.exit_code
    assert not torch.distributed.is_initialized()
    sys.exit(code)
"""


@pytest.fixture(scope="module")
def two():
    """How two processes end that compare notes, until the second one dies."""
    return on_two_ranks(["-c", textwrap.dedent(TWO)])


def test_two_processes_compute_what_one_does(two):
    errors = [each.err for each in two]
    assert ["all agreed" in error for error in errors] == [True, True], "\n".join(errors)


def test_a_process_whose_partner_dies_stops_at_once_and_says_so(two):
    assert [each.code for each in two] == [1, -9]
    assert "process 0 of 2 lost another one" in two[0].err
    assert "--resume" in two[0].err


@pytest.mark.gpu
def test_on_a_gpu_the_place_is_that_of_the_process(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "0")
    with distributed.joined("cuda") as place:
        assert place.device == torch.device("cuda", 0)
