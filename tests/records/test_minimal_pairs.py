from pathlib import Path

from labelled_files import write

from bothways.records.minimal_pairs import read_minimal_pairs
from bothways.records.reading import Reading
from bothways.records.types import PairOfSentences


def test_a_pair_needs_both_of_its_sentences(tmp_path):
    lines = (
        '{"sentence_good": "Who left?", "sentence_bad": "Left who?", "UID": "x"}\n{"sentence_good": "a"}\n'
    )
    path = write(tmp_path, "x.jsonl.zst", lines)
    reading = Reading(path)
    assert read_minimal_pairs(Path(path), reading) == [
        PairOfSentences(f"{path}, row 1", "Who left?", "Left who?")
    ]
    assert list(reading.bad) == ["sentence_good or sentence_bad is empty"]
