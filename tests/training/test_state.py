import math

import torch
from tiny_runs import assert_same_bits

from bothways.batch import Memory
from bothways.training.interval import Interval
from bothways.training.state import join_ranks, memories_of, memory_tensors, of_rank

CPU = torch.device("cpu")


def memory(rows, first=0, *, documents=True):
    """Return the memory of some rows, each number saying its row."""
    numbers = torch.arange(first, first + rows)
    states = tuple(
        (100 * layer + numbers).float()[:, None, None].expand(rows, 5, 4).clone() for layer in (1, 2)
    )
    return Memory(states, numbers[:, None].expand(rows, 5).clone() if documents else None)


def tensors_of(memories):
    return {
        f"{number}.{index}": tensor
        for number, held in enumerate(memories)
        for index, tensor in enumerate([*held.states, *([] if held.documents is None else [held.documents])])
    }


def test_memory_comes_back_for_any_split_of_the_rows():
    whole = memory(8)
    for documents in (True, False):
        ranks = [[memory(2, 0, documents=documents), memory(2, 2, documents=documents)]]
        ranks += [[memory(4, 4, documents=documents)]]
        joined = join_ranks([memory_tensors(held) for held in ranks])
        for rows in ([range(8)], [range(4), range(4, 8)], [range(6, 8)]):
            wanted = [memory(len(part), part.start, documents=documents) for part in rows]
            assert_same_bits(tensors_of(memories_of(joined, rows, CPU)), tensors_of(wanted))
    assert joined["memory.state.0"].shape == whole.states[0].shape


def test_no_memory_stays_none():
    assert memory_tensors([None, None]) == {}
    assert memories_of({"other": torch.ones(1)}, [range(2), range(2, 4)], CPU) == [None, None]


def test_what_is_no_memory_belongs_to_its_rank():
    parts = [{"random.cpu": torch.tensor([rank])} | memory_tensors([memory(1, rank)]) for rank in range(2)]
    joined = join_ranks(parts)
    assert joined["memory.state.0"].shape[0] == 2
    for rank in range(2):
        assert_same_bits(of_rank(joined, rank), {"random.cpu": torch.tensor([rank])})
    assert of_rank(joined, 2) == {}


def test_an_interval_survives_being_written_down():
    interval = Interval(tokens=100, seconds=2.0)
    interval.add({"a": torch.tensor(6.0), "b": torch.tensor(1.0)}, {"a": 3, "b": 1, "c": 0})
    interval.add({"a": torch.tensor(4.0)}, {"a": 2, "b": 0, "c": 0})
    back = Interval.restored(interval.tensors() | {"random.cpu": torch.ones(1)}, interval.numbers(), CPU)
    means = back.means({"a": 1.0, "b": 0.5, "c": 9.0})
    assert means == interval.means({"a": 1.0, "b": 0.5, "c": 9.0})
    assert means == {"loss": 2.5, "a": 2.0, "b": 1.0, "gradient_norm": 0.0, "tokens_per_second": 50.0}


def test_an_interval_without_any_scored_item_has_no_loss():
    assert math.isnan(Interval().means({"a": 1.0})["loss"])
    empty = Interval()
    empty.add({"a": torch.tensor(0.0)}, {"a": 0})
    assert math.isnan(empty.means({"a": 1.0})["loss"])
    assert "a" not in empty.means({"a": 1.0})
