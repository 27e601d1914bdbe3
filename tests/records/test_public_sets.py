"""Every public set at hand, read whole: their traps are the reason for much of this package."""

import os
from pathlib import Path

import pytest

from bothways.records.columns import ColumnSettings
from bothways.records.labels import check_labels, labels_of
from bothways.records.read import read
from bothways.records.split import repeated

SHARED = os.environ.get("BOTHWAYS_SHARED_DATA", "")
pytestmark = pytest.mark.skipif(
    not SHARED, reason="BOTHWAYS_SHARED_DATA does not name a folder with public sets in tasks/"
)

COLA = ColumnSettings(text=3, label=1)
STS = ColumnSettings(text=5, pair=6, label=4)
WNUT = "wnut17/CONLL-format/data/"

# Set -> its columns if they must be given, its task, and the records of each of its parts, training first.
SETS = {
    "arc challenge": (
        None,
        "choose",
        {"arc/ARC-C/dev/arc_challenge_dev.csv": 1096, "arc/ARC-C/test/arc_challenge_test.csv": 294},
    ),
    "arc easy": (
        None,
        "choose",
        {"arc/ARC-E/dev/arc_easy_dev.csv": 2147, "arc/ARC-E/test/arc_easy_test.csv": 549},
    ),
    "banking77": (None, "classify", {"banking77/train.csv": 10003, "banking77/test.csv": 3080}),
    "chnsenticorp": (None, "classify", {"zh_chnsenticorp/train.tsv": 7945, "zh_chnsenticorp/dev.tsv": 1200}),
    "cola": (
        COLA,
        "classify",
        {
            "cola/raw/in_domain_train.tsv": 8551,
            "cola/raw/in_domain_dev.tsv": 527,
            "cola/raw/out_of_domain_dev.tsv": 516,
        },
    ),
    "ewt": (
        None,
        "tag",
        {
            "ud_ewt/en_ewt-ud-train.conllu": 12544,
            "ud_ewt/en_ewt-ud-dev.conllu": 2001,
            "ud_ewt/en_ewt-ud-test.conllu": 2077,
        },
    ),
    "imdb": (None, "classify", {"imdb/train.jsonl.zst": 25000, "imdb/test.jsonl.zst": 25000}),
    "mrpc": (
        None,
        "classify",
        {"mrpc/msr_paraphrase_train.txt": 4076, "mrpc/msr_paraphrase_test.txt": 1725},
    ),
    "news20": (None, "classify", {"news20/train.jsonl.zst": 11314, "news20/test.jsonl.zst": 7532}),
    "qnli": (None, "classify", {"qnli_dev/dev.tsv": 5463}),
    "resume": (
        None,
        "tag",
        {
            "zh_ner/resume/train.char.bmes": 3821,
            "zh_ner/resume/dev.char.bmes": 463,
            "zh_ner/resume/test.char.bmes": 477,
        },
    ),
    "resume as json": (None, "tag", {"zh_ner/resume/train.json": 3821, "zh_ner/resume/dev.json": 463}),
    "rte": (None, "classify", {"rte/train.txt": 2490, "rte/dev.txt": 277}),
    "squad 1.1": (
        None,
        "answer",
        {"squad_articles/v1.1-train.json": 7656, "squad_articles/v1.1-dev.json": 1470},
    ),
    "squad 2.0": (
        None,
        "answer",
        {"squad_articles/v2.0-train.json": 8852, "squad_articles/v2.0-dev.json": 2167},
    ),
    "sst2": (None, "classify", {"sst2/train.tsv": 67349, "sst2/dev.tsv": 872, "sst2/test-labeled.tsv": 1821}),
    "stsb": (
        STS,
        "regress",
        {"stsb/sts-train.tsv": 5749, "stsb/sts-dev.tsv": 1500, "stsb/sts-test.tsv": 1379},
    ),
    "tnews": (None, "classify", {"zh_tnews/train.tsv": 53360, "zh_tnews/dev.tsv": 10000}),
    "weibo": (
        None,
        "tag",
        {
            "zh_ner/weibo/train.all.bmes": 1350,
            "zh_ner/weibo/dev.all.bmes": 270,
            "zh_ner/weibo/test.all.bmes": 270,
        },
    ),
    "wikigold": (None, "tag", {"wikigold/CONLL-format/data/wikigold.conll.txt": 1696}),
    "wnli": (None, "classify", {"wnli/train.txt": 635, "wnli/dev.txt": 71}),
    "wnut17": (
        None,
        "tag",
        {
            f"{WNUT}train/wnut17train.conll": 3394,
            f"{WNUT}dev/emerging.dev.conll": 1009,
            f"{WNUT}test/emerging.test.annotated": 1287,
        },
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_every_row_of_a_set_is_read(name):
    columns, task, parts = SETS[name]
    paths = [str(Path(SHARED, "tasks", part)) for part in parts]
    train = read(paths[0], columns=columns)
    read_parts = [train, *(read(path, train.task, train.columns) for path in paths[1:])]
    assert train.task == task
    assert [len(part.records) for part in read_parts] == list(parts.values())
    assert all(not part.reading.bad for part in read_parts) or task == "choose"
    if task in ("classify", "tag"):
        for part in read_parts[1:]:
            known = labels_of(train.records)
            for record in part.records:
                check_labels(record, known)


@pytest.mark.parametrize(
    ("train", "other", "expected"),
    [
        ("imdb/train.jsonl.zst", "imdb/test.jsonl.zst", 123),
        ("zh_tnews/train.tsv", "zh_tnews/dev.tsv", 1099),
        ("sst2/train.tsv", "sst2/test-labeled.tsv", 2),
    ],
)
def test_known_repetitions_are_found(train, other, expected):
    one, two = (read(str(Path(SHARED, "tasks", part))).records for part in (train, other))
    assert repeated(one, two) == expected
