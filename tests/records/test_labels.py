import pytest

from bothways.errors import DataError
from bothways.records.labels import check_labels, imbalance, labels_of
from bothways.records.reading import BadRow
from bothways.records.types import TaggedRecord, TextRecord


def texts(*labels):
    return [
        TextRecord(f"dev.csv, row {row}", "text", None, label) for row, label in enumerate(labels, start=2)
    ]


def test_labels_are_sorted_as_numbers_only_if_all_are_whole_numbers():
    assert labels_of(texts("10", "9", "-1", "9")) == ("-1", "9", "10")
    assert labels_of(texts("10", "9", "x")) == ("10", "9", "x")
    assert labels_of([TaggedRecord("a", ("x", "y"), ("O", "B-X"))]) == ("B-X", "O")


def test_one_label_alone_teaches_nothing():
    with pytest.raises(
        DataError, match=r"dev\.csv: all 3 rows have the label '1'; give rows of at least two labels"
    ):
        labels_of(texts("1", "1", "1"))
    with pytest.raises(DataError, match="are without a label"):
        labels_of(texts(None))


def test_a_label_that_is_not_learned_makes_a_bad_row():
    known = ("negative", "positive")
    good, bad, asked = texts("negative", "postive", None)
    check_labels(good, known)
    check_labels(asked, known)
    with pytest.raises(BadRow) as met:
        check_labels(bad, known)
    assert str(met.value) == (
        "dev.csv, row 3: the label is none of task.labels ('postive', did you mean 'positive'?)"
    )


def test_a_label_of_nearly_all_rows_is_a_warning():
    assert imbalance(texts(*["1"] * 95, *["0"] * 5)) is None
    assert imbalance(texts(*["1"] * 96, *["0"] * 4)) == (
        "96.0% of the rows have the label '1': accuracy will say little, look at F1 or Matthews"
    )
    assert imbalance(texts(None)) is None
