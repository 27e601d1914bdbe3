"""Which labels are known, and what becomes of records of other ones."""

import pytest
from small_tasks import records, write_csv

from bothways.errors import DataError
from bothways.finetuning.data import read_task
from bothways.records.split import split
from bothways.records.types import TextRecord
from bothways.task_recipe import of_one_task


def read(place, *words, **data):
    said = []
    paths = {part: str(place / path) for part, path in data.items()}
    part = of_one_task("model", "classify", paths, words).tasks["classify"]
    return read_task("classify", part, said.append), said


def test_labels_of_records_that_are_set_aside_or_not_drawn_are_known(tmp_path):
    texts = [TextRecord("", f"text number {number}", label="usual") for number in range(40)]
    aside = split(texts).dev[0]
    rows = [
        TextRecord("", each.text, label="rare" if each is aside else ("usual", "other")[place % 2])
        for place, each in enumerate(texts)
    ]
    write_csv(tmp_path / "train.csv", rows)
    known, _ = read(tmp_path, train="train.csv")
    assert known.settings.labels == ("other", "rare", "usual")
    assert "rare" in {record.label for record in known.dev} - {record.label for record in known.train}
    write_csv(tmp_path / "dev.csv", rows)
    few, said = read(tmp_path, "data.limit=2", train="train.csv", dev="dev.csv")
    assert (len(few.train), len(few.dev)) == (2, 40)
    assert not any("left out" in line for line in said)


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_row_of_a_label_that_nobody_learned_is_left_out_and_counted(part, tmp_path):
    write_csv(tmp_path / "train.csv", records(24))
    write_csv(tmp_path / "odd.csv", [*records(6), TextRecord("", "a dark day", label="od")])
    write_csv(tmp_path / "even.csv", records(6))
    data = {"train": "train.csv", "dev": "even.csv"} | {part: "odd.csv"}
    known, said = read(tmp_path, **data)
    assert len(getattr(known, part)) == 6
    where = f"{tmp_path / 'odd.csv'}, row 8"
    assert f"left out because the label is none of task.labels: 1, first in {where}" in "\n".join(said)
    with pytest.raises(DataError, match=r"odd.csv, row 8: the label is none of task.labels \('od'.*--strict"):
        read(tmp_path, "data.strict=true", **data)


def test_a_training_row_of_a_label_that_was_not_named_is_refused(tmp_path):
    write_csv(tmp_path / "train.csv", records(24))
    with pytest.raises(
        DataError, match=r"train.csv, row 3: the label is none of task.labels \('bad', did you"
    ):
        read(tmp_path, "task.labels=[good, bat]", train="train.csv")
