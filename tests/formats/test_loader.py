import itertools
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import VOCABULARY, prose, splits

from bothways.batch import Batch
from bothways.errors import DataError, UsageError
from bothways.formats import FORMATS, Loader

CORPUS = prose(30, sentence=6, sentences=8)
LENGTHS = {"pairs": {"length": 24}, "packed": {"length": 24}, "stream": {"length": 24, "reuse": 12}}


def build(kind, rows):
    settings_of, format_of = FORMATS[kind]
    return format_of(settings_of(**LENGTHS[kind]), CORPUS, VOCABULARY, 1, rows, "cls_last")


def corrupt(examples, rng):
    """Hide nothing, but keep a draw, to see what random numbers a micro-batch gets."""
    tokens, segments, positions = (
        torch.from_numpy(array.astype(np.int64))
        for array in (examples.tokens, examples.segments, examples.positions)
    )
    return Batch(tokens, segments, positions, torch.from_numpy(rng.integers(0, 2**60, 4)), torch.zeros(4))


def loader(form, rows, micro_rows=2, **options):
    return Loader(form, corrupt, seed=5, global_rows=rows, micro_rows=micro_rows, **options)


def loader_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("bothways-loader")]


@pytest.mark.parametrize("kind", sorted(FORMATS))
@settings(max_examples=25)
@given(split=splits, step=st.integers(0, 60))
def test_all_worlds_read_the_same_rows(kind, split, step):
    world, count, micro_rows = split
    rows = 2 * world * count * micro_rows
    form = build(kind, rows)
    whole = form.examples(step, range(rows))
    batches = [
        batch
        for rank in range(world)
        for batch in loader(form, rows, micro_rows, rank=rank, world=world).step(step)
    ]
    for name in ("tokens", "segments", "positions"):
        together = torch.cat([getattr(batch, name) for batch in batches])
        assert np.array_equal(together.numpy(), getattr(whole, name))


def test_random_numbers_depend_on_seed_step_and_first_row_only():
    form = build("packed", 8)
    alone = [batch.scored.tolist() for batch in loader(form, 8).step(3)]
    shared = [
        batch.scored.tolist() for rank in range(2) for batch in loader(form, 8, rank=rank, world=2).step(3)
    ]
    assert alone == shared
    assert len({tuple(numbers) for numbers in alone}) == 4
    assert loader(form, 8).step(4)[0].scored.tolist() != alone[0]
    other = Loader(form, corrupt, seed=6, global_rows=8, micro_rows=2)
    assert other.step(3)[0].scored.tolist() != alone[0]


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize("epochs", [1, 3])
def test_static_epochs_come_again_with_the_same_rows_and_random_numbers(kind, epochs):
    form = build(kind, 8)
    static, anew = loader(form, 8, static_epochs=epochs), loader(form, 8)
    period = epochs * form.steps_per_epoch
    for step in range(0, period, 3):
        drawn = anew.step(step)
        for later in (step, step + period, step + 5 * period):
            for batch, again in zip(drawn, static.step(later), strict=True):
                assert torch.equal(batch.tokens, again.tokens)
                assert torch.equal(batch.scored, again.scored)
    assert not torch.equal(anew.step(0)[0].scored, anew.step(period)[0].scored)


def test_micro_batches_are_fixed_rows():
    form = build("packed", 12)
    assert loader(form, 12, 3, rank=1, world=2).micro_batches == (range(6, 9), range(9, 12))


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_reading_ahead_yields_the_same_batches_from_any_step(kind):
    reader = loader(build(kind, 4), 4)
    ahead = list(itertools.islice(reader.iterate(7), 3))
    for step, batches in enumerate(ahead, start=7):
        for batch, expected in zip(batches, reader.step(step), strict=True):
            assert torch.equal(batch.tokens, expected.tokens)
            assert torch.equal(batch.scored, expected.scored)


def test_closing_the_iterator_ends_its_thread():
    batches = loader(build("packed", 4), 4).iterate()
    next(batches)
    assert len(loader_threads()) == 1
    batches.close()
    assert loader_threads() == []


def test_a_forgotten_iterator_ends_its_thread_too():
    for _ in zip(range(2), loader(build("packed", 4), 4).iterate(), strict=False):
        pass
    assert loader_threads() == []


def test_no_more_than_the_asked_steps_are_read_ahead():
    read = []

    class Counting:
        needs = offers = frozenset()
        length = rows_per_epoch = steps_per_epoch = 1

        def examples(self, step, rows):
            read.append(step)
            return build("packed", 2).examples(step, rows)

        def report(self):
            return []

    batches = loader(Counting(), 2).iterate(0, ahead=3)
    next(batches)
    time.sleep(0.1)
    batches.close()
    assert read == [0, 1, 2, 3]


def test_an_error_is_raised_at_its_step_and_ends_the_thread():
    form = build("packed", 4)

    def fails_at_two(examples, rng):
        if np.array_equal(examples.tokens, form.examples(2, range(2)).tokens):
            raise DataError("a byte is broken")
        return corrupt(examples, rng)

    batches = Loader(form, fails_at_two, seed=1, global_rows=4, micro_rows=2).iterate()
    next(batches)
    next(batches)
    with pytest.raises(DataError, match="a byte is broken"):
        next(batches)
    assert loader_threads() == []


def test_waiting_is_counted():
    def slow(examples, rng):
        time.sleep(0.05)
        return corrupt(examples, rng)

    reader = Loader(build("packed", 2), slow, seed=1, global_rows=2, micro_rows=2)
    batches = reader.iterate()
    next(batches)
    assert reader.stall_seconds >= 0.04
    time.sleep(0.2)
    waited = reader.stall_seconds
    next(batches)
    assert reader.stall_seconds - waited < 0.04
    batches.close()


def test_rows_that_do_not_divide_are_refused_with_the_fix():
    with pytest.raises(UsageError, match=r"^10 rows a step .* use 12 rows a step, or .*$"):
        loader(build("packed", 10), 10, 3, world=2)
