"""Which items a step trains: all of them once an epoch, like lengths together, tasks in their shares."""

from collections import Counter

import numpy as np
import pytest
from small_tasks import make_model, make_reader, records

from bothways.tasks.classify import ClassifySettings
from bothways.tasks.feed import Feed, MixSettings, Mixture, length_of, steps_of

BATCH = 4


@pytest.fixture(scope="module")
def task():
    return make_model("bert", ClassifySettings(labels=("bad", "good")))


@pytest.fixture(scope="module")
def items(task):
    reader = make_reader(task)
    return [task.objective.items(record, reader)[0] for record in records(22)]


def numbered(items):
    """Give each item a token of its own at its second slot, so that it can be told in a batch."""
    for number, (row,) in enumerate(items):
        row.tokens[1] = 100 + number
    return items


def seen(feed, steps):
    return [
        number - 100 for step in steps for number in feed.examples(step, range(BATCH)).tokens[:, 1].tolist()
    ]


def test_an_epoch_trains_every_item_once_and_fills_its_last_step(task, items):
    feed = Feed(task.objective, numbered(items), 1, BATCH)
    assert feed.steps_per_epoch == 6
    for epoch in range(3):
        counts = Counter(seen(feed, range(6 * epoch, 6 * epoch + 6)))
        assert set(counts) == set(range(22))
        assert sum(counts.values()) == 24
    assert seen(feed, range(6)) != seen(feed, range(6, 12))


def test_a_step_is_the_same_whenever_and_in_whatever_pieces_it_is_read(task, items):
    feed, other = (Feed(task.objective, items, 1, BATCH) for _ in range(2))
    later = feed.examples(17, range(BATCH))
    other.examples(3, range(BATCH))
    again = other.examples(17, range(BATCH))
    assert np.array_equal(later.tokens, again.tokens)
    parts = [other.examples(17, range(2 * part, 2 * part + 2)) for part in range(2)]
    assert [label for part in parts for label in part.wanted] == later.wanted.tolist()
    assert not np.array_equal(
        later.tokens, Feed(task.objective, items, 2, BATCH).examples(17, range(BATCH)).tokens
    )


def test_items_of_like_length_share_a_step(task, items):
    feed = Feed(task.objective, items, 1, BATCH)
    widths = [feed.examples(step, range(BATCH)).tokens.shape[1] for step in range(feed.steps_per_epoch)]
    lengths = sorted(length_of(item) for item in items)
    assert sum(widths) <= sum(lengths[BATCH - 1 :: BATCH]) + 2 * max(lengths)
    assert widths != sorted(widths), "steps come in the order of their length"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (MixSettings(), {"a": 100, "b": 25}),
        (MixSettings(kind="temperature", temperature=2.0), {"a": 83, "b": 42}),
        (MixSettings(kind="main", main="b", extra=0.4), {"a": 10, "b": 25}),
        (MixSettings(kind="main", extra=0.4), {"a": 100, "b": 40}),
    ],
    ids=["proportional", "temperature", "main named", "main is the first"],
)
def test_tasks_have_their_shares_of_an_epoch(settings, expected):
    assert steps_of({"a": 100, "b": 25}, settings) == expected


def test_a_mixture_trains_every_step_of_every_task_once_an_epoch(task, items):
    numbered(items)
    feeds = {name: Feed(task.objective, items, 1, BATCH, name) for name in ("a", "b")}
    mixture = Mixture(feeds, MixSettings(), 1)
    assert mixture.steps_per_epoch == 12
    for epoch in range(2):
        examples = [mixture.examples(12 * epoch + step, range(BATCH)) for step in range(12)]
        names = [each.task for each in examples]
        assert Counter(names) == {"a": 6, "b": 6}
        assert names not in (["a"] * 6 + ["b"] * 6, ["a", "b"] * 6)
        for name in ("a", "b"):
            tokens = {token for each in examples if each.task == name for token in each.tokens[:, 1].tolist()}
            assert tokens == set(range(100, 122))
