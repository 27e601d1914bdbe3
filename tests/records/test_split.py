import pytest

from bothways.errors import DataError
from bothways.records.split import limit, repeated, repeated_line, split
from bothways.records.types import QuestionRecord, TextRecord


def texts(count, start=0):
    return [TextRecord(f"a.csv, row {n}", f"text {n}", None, str(n % 2)) for n in range(start, start + count)]


def test_a_tenth_is_dev_and_a_tenth_test_whatever_the_order():
    records = texts(2000)
    parts = split(records)
    assert [round(len(part) / 2000, 1) for part in (parts.train, parts.dev, parts.test)] == [0.8, 0.1, 0.1]
    assert sorted(map(id, [*parts.train, *parts.dev, *parts.test])) == sorted(map(id, records))
    assert set(split(records[::-1]).dev) == set(parts.dev)


def test_no_part_changes_when_records_are_added():
    before, after = split(texts(500)), split(texts(1000))
    assert set(before.train) <= set(after.train)
    assert set(before.test) <= set(after.test)


def test_records_of_the_same_content_stay_together():
    twice = texts(300) + texts(300)
    parts = split(twice)
    assert repeated(parts.train, parts.dev) == repeated(parts.train, parts.test) == 0
    questions = [QuestionRecord("w", str(n), f"question {n}", f"passage {n // 10}") for n in range(400)]
    assert repeated(split(questions).train, split(questions).dev) == 0


def test_a_part_that_is_given_is_used_and_the_others_do_not_change():
    records, given = texts(1000), texts(5, start=5000)
    parts = split(records)
    assert split(records, test=given).dev == parts.dev
    assert split(records, test=given).test == given
    assert split(records, dev=given).test == parts.test
    assert split(records, given, given).train == records


@pytest.mark.parametrize("count", [3, 4, 7])
def test_no_part_is_empty_where_there_is_enough_for_all(count):
    parts = split(texts(count))
    assert all((parts.train, parts.dev, parts.test))
    assert len(parts.train) + len(parts.dev) + len(parts.test) == count


def test_too_few_examples_to_split_are_an_error():
    with pytest.raises(DataError, match="2 different examples are too few to hold out a test and a dev part"):
        split(texts(2) + texts(2))


def test_a_limit_draws_by_seed_and_keeps_the_order():
    records = texts(100)
    drawn = limit(records, 10, seed=1)
    assert drawn == sorted(drawn, key=records.index)
    assert drawn == limit(records, 10, seed=1) != limit(records, 10, seed=2)
    assert set(drawn) <= set(limit(records, 20, seed=1))
    assert limit(records, 200, seed=1) == records


def test_what_stands_in_two_parts_is_counted():
    assert (
        repeated_line(texts(10), texts(8, start=9), "dev")
        == "1 of 8 dev examples (12.5%) also occur in train"
    )
    assert repeated_line(texts(10), texts(8, start=10), "dev") is None
