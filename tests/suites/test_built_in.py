"""The suites that come with Bothways: they are valid, and read the files that they are about, as they are published."""

import json
import os
from importlib import resources
from pathlib import Path

import pytest

from bothways.errors import UsageError
from bothways.evaluate import read_pairs
from bothways.finetuning.data import read_task
from bothways.interop.folder import Description
from bothways.model.backbones.bert import BertSettings
from bothways.recipe_files import dump, merge, read_yaml
from bothways.suites.contestants import Contestant
from bothways.suites.fine_tuning import MOST_RECORDS, fine_tuning
from bothways.suites.reading import found_rows, read_suite, suite_names
from bothways.suites.settings import PairTask
from bothways.suites.summary import MEASURES
from bothways.tasks import TASKS

SHARED = os.environ.get("BOTHWAYS_SHARED_DATA", "")
MODEL = Contestant(
    "model", Path("model"), Description("bert", BertSettings(size="tiny"), None, (), "cls_first")
)


def lines(*cells: str, header: str = "", count: int = 40) -> str:
    """Rows of a table: `{n}` is the row's number, `{b}` 0 and 1 by turns."""
    rows = ["\t".join(cells).format(n=number, b=number % 2) for number in range(count)]
    return "\n".join(([header.replace(" | ", "\t")] if header else []) + rows) + "\n"


def words(label: str, count: int = 12) -> str:
    return "\n\n".join(f"the O\nword{number} {label}" for number in range(count)) + "\n"


def squad(has_all_answers: bool) -> str:
    def question(number: int) -> dict:
        answers = [{"text": "green", "answer_start": 8}] if has_all_answers or number % 2 else []
        return {
            "id": str(number),
            "question": f"Which {number}?",
            "answers": answers,
            "is_impossible": not answers,
        }

    paragraphs = [
        {"context": f"It was  green, number {number}.", "qas": [question(number)]} for number in range(40)
    ]
    return json.dumps({"data": [{"title": "a", "paragraphs": paragraphs}]})


CONLLU = "# text = a\n1-2\tdon't\t_\t_\n1\tdo\tdo\tAUX\tVB\t_\t0\troot\t_\t_\n2\tn't\tnot\tPART\tRB\t_\t1\tx\t_\t_\n\n"
ONE, TWO, YES = "one text {n}", "two text {n}", "{b}"
PAIR = ("{n}", ONE, TWO, YES)
MRPC = lines(
    YES, "1{n}", "2{n}", 'He said "{n}', TWO, header="\ufeffQuality | #1 ID | #2 ID | #1 String | #2 String"
)
CHOICE = lines("which {n}?,a,b,c,d,C")
RACE = json.dumps(
    {"article": "It is.", "questions": ["Is it _ ?"], "options": [["yes", "no"]], "answers": ["A"]}
)
MNLI = lines("{n}", "s", ONE, TWO, "neutral{b}", header="index | genre | sentence1 | sentence2 | gold_label")
STS = lines("g", "f", "y", "{n}", "{b}.500", ONE, TWO) + "g\tf\ty\t41\t2.5\tone\ttwo\tsource\tsource\n"
FILES = {
    "CoLA/train.tsv": lines("gj04", YES, "*", 'It is "{n}'),
    "SST-2/train.tsv": lines(ONE, YES, header="sentence | label"),
    "MRPC/msr_paraphrase_train.txt": MRPC,
    "MRPC/msr_paraphrase_test.txt": MRPC,
    "STS-B/train.tsv": lines(*PAIR, header="index | sentence1 | sentence2 | score"),
    "RTE/train.tsv": lines("{n}", ONE, TWO, "entails{b}", header="index | sentence1 | sentence2 | label"),
    "WNLI/train.tsv": lines(*PAIR, header="index | sentence1 | sentence2 | label"),
    "QNLI/train.tsv": lines("{n}", ONE, TWO, "entails{b}", header="index | question | sentence | label"),
    "QQP/train.tsv": lines(
        "{n}", "1", "2", ONE, TWO, YES, header="id | qid1 | qid2 | question1 | question2 | is_duplicate"
    ),
    "MNLI/train.tsv": MNLI,
    "MNLI/dev_matched.tsv": MNLI,
    "cola/raw/in_domain_train.tsv": lines("gj04", YES, "", ONE),
    "cola/raw/in_domain_dev.tsv": lines("gj04", YES, "", ONE),
    "sst2/train.tsv": lines(ONE, YES, header="sentence | label"),
    "sst2/test-labeled.tsv": lines(ONE, YES, header="sentence | label"),
    "mrpc/msr_paraphrase_train.txt": MRPC,
    "mrpc/msr_paraphrase_test.txt": MRPC,
    "stsb/sts-train.tsv": STS,
    "stsb/sts-dev.tsv": STS,
    "stsb/sts-test.tsv": STS,
    "rte/train.txt": lines(ONE, TWO, YES),
    "wnli/train.txt": lines(ONE, TWO, YES),
    "qnli_dev/dev.tsv": lines("{n}", ONE, TWO, "entails{b}", header="index | question | sentence | label"),
    "banking77/train.csv": "text,category\n"
    + "".join(f'"a, {number}",card{number % 2}\n' for number in range(40)),
    "imdb/train.jsonl": "".join(
        f'{{"id": "{number}", "label": "pos{number % 2}", "text": "a {number}"}}\n' for number in range(40)
    ),
    "news20/train.jsonl": "".join(
        f'{{"id": "1", "label": "sci{number % 2}", "text": "a {number}"}}\n' for number in range(40)
    ),
    "train-v1.1.json": squad(True),
    "dev-v1.1.json": squad(True),
    "train-v2.0.json": squad(False),
    "dev-v2.0.json": squad(False),
    "squad_articles/v1.1-train.json": squad(True),
    "squad_articles/v1.1-dev.json": squad(True),
    "squad_articles/v2.0-train.json": squad(False),
    "squad_articles/v2.0-dev.json": squad(False),
    "arc/ARC-E/dev/arc_easy_dev.csv": CHOICE,
    "arc/ARC-E/test/arc_easy_test.csv": CHOICE,
    "arc/ARC-C/dev/arc_challenge_dev.csv": CHOICE,
    "arc/ARC-C/test/arc_challenge_test.csv": CHOICE,
    "RACE/train/high/1.txt": RACE,
    "RACE/dev/high/1.txt": RACE,
    "RACE/test/middle/1.txt": RACE,
    "conll2003/train.txt": f"-DOCSTART- O\n\n{words('B-PER')}",
    "conll2003/valid.txt": words("B-PER"),
    "conll2003/test.txt": words("B-PER"),
    "wnut17/CONLL-format/data/train/wnut17train.conll": words("B-person"),
    "wnut17/CONLL-format/data/dev/emerging.dev.conll": words("B-person"),
    "wnut17/CONLL-format/data/test/emerging.test.annotated": words("B-person"),
    "wikigold/CONLL-format/data/wikigold.conll.txt": words("I-PER", 60),
    "ud_ewt/en_ewt-ud-train.conllu": CONLLU,
    "ud_ewt/en_ewt-ud-dev.conllu": CONLLU,
    "ud_ewt/en_ewt-ud-test.conllu": CONLLU,
    "zh_tnews/train.tsv": lines("标题{n}", "news{b}"),
    "zh_tnews/dev.tsv": lines("标题{n}", "news{b}"),
    "zh_chnsenticorp/train.tsv": lines("好{n}", "positive{b}"),
    "zh_chnsenticorp/dev.tsv": lines("好{n}", "positive{b}"),
    "zh_ner/weibo/train.all.bmes": words("S-PER.NOM"),
    "zh_ner/weibo/dev.all.bmes": words("S-PER.NOM"),
    "zh_ner/weibo/test.all.bmes": words("S-PER.NOM"),
    "zh_ner/resume/train.char.bmes": "高 勇\tB-NAME E-NAME\n" * 3,
    "zh_ner/resume/dev.char.bmes": "高 勇\tB-NAME E-NAME\n" * 3,
    "zh_ner/resume/test.char.bmes": "高 勇\tB-NAME E-NAME\n" * 3,
    "blimp/first.jsonl": '{"sentence_good": "She is.", "sentence_bad": "She are."}\n',
}
"""What the public sets look like, in little."""
ALIKE = {
    "CoLA": "dev.tsv",
    "SST-2": "dev.tsv",
    "STS-B": "dev.tsv",
    "RTE": "dev.tsv",
    "WNLI": "dev.tsv",
    "QNLI": "dev.tsv",
}
ALIKE |= {"QQP": "dev.tsv", "sst2": "dev.tsv", "rte": "dev.txt", "wnli": "dev.txt"}
ALIKE |= {"banking77": "test.csv", "imdb": "test.jsonl", "news20": "test.jsonl"}
"""Folder → a further file, which looks like its training file."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with every file of every suite, small."""
    place = tmp_path_factory.mktemp("sets")
    for name, text in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    for name, further in ALIKE.items():
        train = next(path for path in (place / name).iterdir() if path.name.startswith("train"))
        (place / name / further).write_bytes(train.read_bytes())
    return place


def read_row(name, row, files):
    """Read a row's records as its fine-tuning would; return how many there are of each part."""
    if isinstance(row.task, PairTask):
        return {"test": len(read_pairs(Path(files.parts["test"])))}
    work = fine_tuning(name, row, files, MODEL, seed=1, length=None, full=True, words={})
    records = read_task(name, work.recipe.tasks[name], lambda _line: None)
    return {"train": len(records.train), "dev": len(records.dev), "test": len(records.test)}


@pytest.mark.parametrize("suite", suite_names())
def test_every_row_may_be_decided_by_its_metric_and_runs_as_a_recipe(suite):
    _, read = read_suite(suite)
    for name, row in read.rows.items():
        assert row.task.kind in MEASURES
        if not isinstance(row.task, PairTask):
            work = fine_tuning(name, row, row.files[0], MODEL, seed=3, length=None, full=False, words={})
            (part,) = work.recipe.tasks.values()
            assert (work.recipe.seed, part.data.limit, part.data.judged) == (3, MOST_RECORDS, row.judged)
            assert work.recipe.training.epochs == row.training.get("epochs", 3)
            assert work.recipe.training.optimizer.learning_rate == 3e-4, "that of a narrow model"


@pytest.mark.parametrize("suite", suite_names())
def test_every_way_in_which_files_lie_is_read(suite, folder):
    _, read = read_suite(suite)
    seen = set()
    for name, row in read.rows.items():
        for files in row.files:
            alone = row.model_copy(update={"files": (files,)})
            found, absent = found_rows({name: alone}, folder) if _is_there(files, folder) else ({}, [])
            if found:
                assert not absent
                assert all(read_row(name, alone, found[name]).values()), (name, files)
                seen.add(name)
    assert seen == set(read.rows), "every row is read in at least one way"


def _is_there(files, folder):
    return all((folder / path).exists() for path in files.parts.values())


def test_the_first_way_that_is_there_whole_counts(folder):
    _, glue = read_suite("glue")
    found, _ = found_rows(glue.rows, folder)
    assert found["rte"].train == str(folder / "RTE/train.tsv")
    assert found["mrpc"].test == str(folder / "MRPC/msr_paraphrase_test.txt")


def test_what_is_judged_beside_figures_of_another_part_says_so(tmp_path):
    _, glue = read_suite("glue")
    for path in (
        "MRPC/train.tsv",
        "MRPC/dev.tsv",
        "MRPC/msr_paraphrase_train.txt",
        "MRPC/msr_paraphrase_test.txt",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    found, _ = found_rows(glue.rows, tmp_path)
    assert found["mrpc"].test == str(tmp_path / "MRPC/dev.tsv"), "GLUE's own parts come first"
    assert not found["mrpc"].note
    others = [files for row in ("sst2", "mrpc", "stsb") for files in glue.rows[row].files if files.note]
    assert len(others) == 4
    assert {files.note for files in others} == {
        "judged on the test part; published figures are of the development set"
    }


def test_packed_files_are_found(tmp_path):
    _, text = read_suite("text")
    (tmp_path / "imdb").mkdir()
    for name in ("train.jsonl.zst", "test.jsonl.gz"):
        (tmp_path / "imdb" / name).touch()
    found, absent = found_rows(text.rows, tmp_path)
    assert found["imdb"].parts == {
        "train": str(tmp_path / "imdb/train.jsonl.zst"),
        "test": str(tmp_path / "imdb/test.jsonl.gz"),
    }
    assert len(absent) == 2


def test_the_article_split_is_not_called_squad():
    _, squad = read_suite("squad")
    splits = {name: row for name, row in squad.rows.items() if "articles" in name}
    assert len(splits) == 2
    assert {files.note for row in splits.values() for files in row.files} == {
        "SQuAD-dev article split, not SQuAD"
    }
    published = {row for each in squad.published for row in each.scores}
    assert published == {"squad-1", "squad-2"}, "others' figures stand beside the sets that they are of"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"average": ["colla"]}, r"there is no row 'colla'; did you mean 'cola'\?"),
        ({"rows": {"cola": {"metric": "f1"}}}, r"unknown setting 'rows.cola.metric'"),
        (
            {"rows": {"cola": {"task": {"kind": "clasify"}}}},
            r"unknown kind 'clasify' of 'rows.cola.task'; did you mean 'classify'",
        ),
        (
            {"rows": {"a.b": {"about": "?", "task": {"kind": "minimal_pairs"}, "files": [{"test": "x"}]}}},
            r"a row is called 'a.b'; use letters, digits, - and _",
        ),
        ({"rows": {"cola": {"files": [{"test": "x"}]}}}, r"each of its files needs train"),
    ],
)
def test_a_suite_that_says_what_no_suite_can_is_refused(tmp_path, changes, message):
    glue = read_yaml(resources.files("bothways") / "suites" / "glue.yaml")
    (tmp_path / "mine.yaml").write_text(dump(merge(glue, changes)), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_suite(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize("suite", suite_names())
def test_further_metrics_are_those_of_the_task(suite):
    for row in read_suite(suite)[1].rows.values():
        if not isinstance(row.task, PairTask):
            task = TASKS[row.task.kind][1]
            assert set(row.also) <= {*task.measures, *task.further}


def test_a_row_that_is_not_there_is_not_changed():
    with pytest.raises(UsageError, match=r"the suite glue has no row 'colla'; did you mean 'cola'\?"):
        read_suite("glue", {"colla": {"task": {"length": 32}}})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("race", r"--suite choice --rows race$"),
        ("arc", r"--suite choice --rows arc-easy,arc-challenge$"),
        ("gleu", r"did you mean 'glue'\?"),
    ],
)
def test_a_rows_name_leads_to_its_suite(name, hint):
    with pytest.raises(UsageError, match=rf"there is no suite '{name}'; .*{hint}"):
        read_suite(name)


@pytest.mark.skipif(
    not SHARED, reason="BOTHWAYS_SHARED_DATA does not name a folder with public sets in tasks/"
)
@pytest.mark.parametrize("suite", suite_names())
def test_the_public_sets_at_hand_are_read(suite):
    _, read = read_suite(suite)
    found, _ = found_rows(read.rows, Path(SHARED, "tasks"))
    counts = {name: read_row(name, read.rows[name], files) for name, files in found.items()}
    assert {name: counts[name]["test"] for name in counts} == TESTED[suite]


TESTED = {
    "blimp": {"blimp": 67_000},
    "chinese": {"tnews": 10_000, "chnsenticorp": 1200, "weibo": 270, "resume": 477},
    "choice": {"arc-easy": 549, "arc-challenge": 294},
    "glue": {"cola": 527, "sst2": 1821, "mrpc": 1725, "stsb": 1379, "rte": 277, "wnli": 71, "qnli": 534},
    "ner": {"wnut17": 1287, "wikigold": 164},
    "pos": {"ud_ewt": 2077},
    "squad": {"squad-dev-articles-1": 1470, "squad-dev-articles-2": 2167},
    "text": {"banking77": 3080, "imdb": 25_000, "news20": 7532},
}
"""Suite → row → records that are judged."""
