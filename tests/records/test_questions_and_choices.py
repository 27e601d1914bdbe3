import json

import pytest
from labelled_files import write

from bothways.errors import DataError
from bothways.records.read import read
from bothways.records.types import Answer, ChoiceRecord, QuestionRecord

PASSAGE = "Ada met Bob. Bob met Cleo in Paris."


def squad(folder, *questions, passage=PASSAGE):
    paragraph = {"context": passage, "qas": list(questions)}
    content = {"version": "x", "data": [{"title": "t", "paragraphs": [paragraph]}]}
    return write(folder, "dev.json", json.dumps(content))


def question(identifier, text, start, **more):
    return {"id": identifier, "question": "Who?", "answers": [{"text": text, "answer_start": start}]} | more


def test_gold_spans_stand_where_they_say(tmp_path):
    path = squad(tmp_path, question("a", "Bob", 13), question("b", "Ada", 0))
    found = read(path)
    assert found.task == "answer"
    assert found.records[0] == QuestionRecord(
        f"{path}, question a", "a", "Who?", PASSAGE, (Answer("Bob", 13),)
    )


def test_a_span_that_stands_elsewhere_once_is_moved_and_any_other_is_bad(tmp_path):
    path = squad(
        tmp_path,
        question("a", "Cleo", 3),
        question("b", "Bob", 0),
        question("c", "Eve", 0),
        question("d", " ", 0),
    )
    found = read(path)
    assert [record.answers for record in found.records] == [(Answer("Cleo", 21),)]
    assert {reason: rows.first for reason, rows in found.reading.bad.items()} == {
        "the gold span is not at its start, but in several other places": f"{path}, question b ('Bob')",
        "the gold span is not in the passage": f"{path}, question c ('Eve')",
        "the gold span is empty": f"{path}, question d",
    }
    with pytest.raises(DataError, match=r"question b: the gold span is not at its start"):
        read(path, strict=True)


@pytest.mark.parametrize("answers", [5, "Bob", {"text": ["Bob"], "answer_start": [8]}])
def test_gold_spans_that_are_no_list_are_bad(answers, tmp_path):
    path = squad(tmp_path, question("a", "Ada", 0), question("b", "", 0) | {"answers": answers})
    found = read(path)
    assert len(found.records) == 1
    assert list(found.reading.bad) == ["the gold spans are no list of text and answer_start"]


def test_unanswerable_questions_have_no_span_and_say_so(tmp_path):
    impossible = {"id": "n", "question": "Why?", "answers": [], "is_impossible": True}
    unmarked = {"id": "u", "question": "Why?", "answers": []}
    found = read(squad(tmp_path, impossible, unmarked, question("a", "Ada", 0)))
    assert [(record.identifier, len(record.answers)) for record in found.records] == [("n", 0), ("a", 1)]
    assert "1 of the questions are unanswerable" in found.reading.lines()
    assert list(found.reading.bad) == ["there is no gold span, and the question is not marked is_impossible"]
    assert len(read(squad(tmp_path, unmarked), labelled=False).records) == 1


def test_spans_follow_characters_that_are_composed(tmp_path):
    passage = "Cafe\u0301 and The\u0301o."
    found = read(squad(tmp_path, question("a", "The\u0301o", passage.index("The")), passage=passage))
    record = found.records[0]
    (answer,) = record.answers
    assert (answer.text, record.passage) == ("Théo", "Café and Théo.")
    assert record.passage[answer.start :].startswith(answer.text)


def test_a_question_without_text_is_bad_and_another_layout_an_error(tmp_path):
    path = squad(
        tmp_path, question("a", "Ada", 0) | {"question": " "}, "no question", question("b", "Ada", 0)
    )
    assert read(path).reading.bad["the question or its passage is empty"].count == 2
    with pytest.raises(DataError, match="is not in SQuAD's layout"):
        read(write(tmp_path, "b.json", '{"data": [{"paragraphs": [{"questions": []}]}]}'))


RACE = {
    "article": "Tom was late.",
    "questions": ["Who was late?", "Tom _ ."],
    "options": [["Tom", "Ann", "Sam", "Eve"], ["ran", "slept", "ate", "sang"]],
    "answers": ["A", "D"],
    "id": "high1.txt",
}


def test_a_folder_of_articles_is_read_as_race(tmp_path):
    first = write(tmp_path, "train/high/1.txt", json.dumps(RACE))
    write(tmp_path, "train/middle/2.txt", json.dumps(RACE | {"answers": ["A", "F"]}))
    write(tmp_path, "train/middle/3.txt", json.dumps(RACE | {"answers": ["A"]}))
    write(tmp_path, "train/middle/4.txt", "no JSON")
    found = read(str(tmp_path / "train"))
    assert found.task == "choose"
    assert len(found.records) == 3
    assert found.records[1] == ChoiceRecord(
        f"{first}, question 2", "Tom was late.", "Tom _ .", ("ran", "slept", "ate", "sang"), 3
    )
    assert {reason: rows.count for reason, rows in found.reading.bad.items()} == {
        "the file is not RACE's JSON with equally long lists of questions, options and answers": 2,
        "the answer names none of the choices": 1,
    }


def test_one_article_alone_may_lack_its_answers(tmp_path):
    content = {name: value for name, value in RACE.items() if name != "answers"}
    found = read(write(tmp_path, "1.txt", json.dumps(content)), labelled=False)
    assert [record.answer for record in found.records] == [None, None]
