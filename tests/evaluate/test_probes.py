"""Fill-in probes: what an answer costs is its joint probability, whatever the tokenizer made of it."""

import gzip
import json

import numpy as np
import pytest
from toy_language import ToyObjective, toy_subject, toy_tokenizer

from bothways.errors import DataError, UsageError
from bothways.evaluate.probes import ask_probes, read_probes

RED, BLUE, PLURAL = 5, 6, 7
ONE = {"text": "red [?] blue blue red red", "answer": "blue", "group": "colours"}
TWO = {"text": "red [?] blue blue red", "answer": "reds", "group": "plurals"}


def written(path, *probes):
    path.write_text("\n".join(json.dumps(probe) for probe in probes) + "\n")
    return path


def test_an_answer_costs_its_joint_probability_given_the_rest(tmp_path):
    probes = read_probes(written(tmp_path / "probes.jsonl", ONE, TWO))
    subject = toy_subject()
    said = ask_probes(subject, toy_tokenizer(), probes)
    exact = [
        subject.objective.joint([RED, BLUE, BLUE, BLUE, RED, RED], {1}),
        subject.objective.joint([RED, RED, PLURAL, BLUE, BLUE, RED], {1, 2}),
    ]
    assert said.groups["colours"].nats.mean == pytest.approx(exact[0], rel=1e-5)
    assert said.groups["plurals"].nats.mean == pytest.approx(exact[1], rel=1e-5)
    assert said.total.nats.mean == pytest.approx(np.mean(exact), rel=1e-5)
    assert said.nats == pytest.approx(exact, rel=1e-5)


def test_the_first_place_is_counted_for_answers_of_one_token(tmp_path):
    subject = toy_subject()
    given = subject.objective.table[0, :, 1, 1, 0, 0]
    best = ["red", "blue"][int(given[:2].argmax())] if given.argmax() < 2 else None
    probes = read_probes(
        written(tmp_path / "probes.jsonl", *({**ONE, "answer": each} for each in ("red", "blue")), TWO)
    )
    score = ask_probes(subject, toy_tokenizer(), probes).total
    assert score.first.count == 2
    assert score.first.value == (0.0 if best is None else 0.5)
    assert score.among_five.value == 1.0
    lines = ask_probes(subject, toy_tokenizer(), probes[2:]).lines()
    assert any("–" in line for line in lines), "an answer of two tokens has no place"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "probes.jsonl, line 1: not a JSON object"),
        ('{"text": "a [?]"}', "line 1: a probe needs text and answer"),
        ('{"text": "a b", "answer": "c"}', "line 1: the text has 0 blanks"),
        ("", "holds no probe"),
    ],
)
def test_a_line_that_is_no_probe_is_named(tmp_path, line, words):
    (tmp_path / "probes.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=words):
        read_probes(tmp_path / "probes.jsonl")


def test_a_group_may_be_called_all_and_may_be_left_out(tmp_path):
    ungrouped = {name: value for name, value in TWO.items() if name != "group"}
    probes = read_probes(written(tmp_path / "probes.jsonl", {**ONE, "group": "all"}, ungrouped))
    assert [probe.group for probe in probes] == ["all", None]
    said = ask_probes(toy_subject(), toy_tokenizer(), probes)
    assert (said.total.nats.count, said.groups["all"].nats.count) == (2, 1)
    assert ask_probes(toy_subject(), toy_tokenizer(), probes[:1]).groups == {}


def test_a_line_ends_at_a_newline_alone_and_files_may_be_packed(tmp_path):
    line = json.dumps({**ONE, "text": "red\u2028[?]"}, ensure_ascii=False)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(f"\ufeff{line}\r\n\n{line}\n".encode()))
    probes = read_probes(tmp_path / "a.jsonl.gz")
    assert [probe.text for probe in probes] == ["red\u2028[?]"] * 2
    assert probes[1].where == "a.jsonl.gz, line 3"
    with pytest.raises(DataError, match="does not exist"):
        read_probes(tmp_path / "none.jsonl")


def test_a_probe_that_is_too_long_with_its_answer_is_named(tmp_path):
    subject = toy_subject(max_positions=7)
    (probe,) = read_probes(written(tmp_path / "probes.jsonl", TWO))
    with pytest.raises(DataError, match=r"line 1: with its answer the text has 6 tokens, .* reads 5 at most"):
        ask_probes(subject, toy_tokenizer(), [probe])


def test_what_the_vocabulary_lacks_and_who_cannot_answer_is_refused(tmp_path):
    probes = read_probes(written(tmp_path / "probes.jsonl", {**ONE, "answer": "green"}))
    with pytest.raises(DataError, match="has no 'green'"):
        ask_probes(toy_subject(), toy_tokenizer(), probes)
    left = toy_subject(objective=ToyObjective(("left to right",)))
    left.objective.name = "causal"
    with pytest.raises(UsageError, match="cannot fill a blank"):
        ask_probes(left, toy_tokenizer(), probes)
