"""Answers as spans: characters and tokens, windows, the loss, no answer and its threshold, and a reader that learns."""

import numpy as np
import pytest
import torch
from small_tasks import make_model, make_reader

from bothways.metrics.no_answer import best_threshold, scores_at
from bothways.records.reading import BadRow
from bothways.records.types import Answer as Gold
from bothways.records.types import QuestionRecord, unlabelled
from bothways.tasks import Answer, AnswerSettings, build_several
from bothways.tasks.answering import outputs_of, predict
from bothways.tasks.passages import best_span, read_passage, tokens_of

PASSAGE = "she was glad in town 2 , and  (warm and bright) he was sad in town 1 . a fine day"
SPANS = AnswerSettings(no_answer=False)
OPEN = AnswerSettings(no_answer=True)


def question(answer=None, passage=PASSAGE, text="was she glad"):
    golds = () if answer is None else (Gold(answer, passage.index(answer)),)
    return QuestionRecord("train.json, question 7", "7", text, passage, golds)


def items_of(model, *records):
    return [item for record in records for item in model.objective.items(record, make_reader(model))]


def batch_of(model, *records):
    return model.objective.corrupt(model.objective.stack(items_of(model, *records)), np.random.default_rng(0))


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_bert_reads_the_question_first_and_xlnet_the_passage(named):
    model = make_model(named, SPANS)
    ((row,),) = items_of(model, question("glad"))
    reader = make_reader(model)
    asked, passage = (reader.encode(text).ids for text in ("was she glad", PASSAGE))
    cls, sep = reader.vocabulary.cls, reader.vocabulary.sep
    if named == "bert":
        assert row.tokens.tolist() == [cls, *asked, sep, *passage, sep]
        assert row.note.no_answer == 0
    else:
        assert row.tokens.tolist() == [*passage, sep, *asked, sep, cls]
        assert row.note.no_answer == len(row) - 1
    assert row.tokens[row.note.stretch.first_slot] == passage[0]
    assert row.tokens[row.note.no_answer] == cls


@pytest.mark.parametrize("answer", ["she", "warm and bright", "(warm", "2", "a fine day", "bright) he"])
@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_the_tokens_of_an_answer_give_its_characters_back(named, answer):
    """Scores that are high just there find the answer again, in whichever window it is judged."""
    model = make_model(named, SPANS.model_copy(update={"length": 22, "stride": 5}))
    record = question(answer)
    items = items_of(model, record)
    assert len(items) > 2
    outputs = [np.full((len(row), 2), -5.0) for (row,) in items]
    for (row,), logits in zip(items, outputs, strict=True):
        if row.label != (row.note.no_answer, row.note.no_answer):
            logits[row.label[0], 0] = logits[row.label[1], 1] = 5.0
    said = model.objective.predict_record(unlabelled(record), items, outputs)
    assert (said["answer"], said["start"]) == (answer, record.answers[0].start)


def test_windows_without_the_answer_say_that_there_is_none():
    model = make_model("bert", SPANS.model_copy(update={"length": 22, "stride": 5}))
    items = items_of(model, question("day"))
    labels = [row.label for (row,) in items]
    assert labels[0] == (0, 0)
    assert labels[-1][0] > 0
    assert all(row.label == (0, 0) for (row,) in items_of(model, question(None)))


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_the_loss_looks_at_the_passage_and_no_answer_only(named):
    model = make_model(named, OPEN)
    records = [question("warm and bright"), question(None, passage="a dark day")]
    losses, memory = model.objective(model.encoder, batch_of(model, *records))
    by_hand = torch.tensor(0.0)
    for item in items_of(model, *records):
        row = item[0]
        (logits,) = outputs_of(model.objective, model.encoder, [item])
        first = row.note.stretch.first_slot
        allowed = [*range(first, first + len(row.note.stretch.window)), row.note.no_answer]
        for column, slot in enumerate(row.label):
            chances = torch.log_softmax(torch.from_numpy(logits[allowed, column]), 0)
            by_hand -= chances[allowed.index(slot)] / 2
    torch.testing.assert_close(losses["answer"].sum, by_hand)
    assert model.objective.counts(batch_of(model, *records)) == {"answer": 2}
    assert memory is None


def test_no_longer_span_than_allowed_is_found_and_none_that_ends_before_it_starts():
    model = make_model("bert", SPANS)
    ((row,),) = items_of(model, question("glad"))
    stretch = row.note.stretch
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(len(row), 2))
    slots = range(stretch.first_slot, stretch.first_slot + len(stretch.window))
    best = max(
        (logits[start, 0] + logits[end, 1], start, end)
        for start in slots
        for end in slots
        if start <= end < start + 3
    )
    span = best_span(PASSAGE, logits, stretch, longest=3)
    assert span.score == pytest.approx(best[0])
    assert span.start == stretch.passage.starts[best[1] - stretch.first_slot]


def test_an_answer_begins_where_its_window_knows_most_around_it():
    model = make_model("bert", SPANS.model_copy(update={"length": 22, "stride": 5}))
    (row,) = items_of(model, question("glad"))[0]
    stretch = row.note.stretch
    assert not stretch.judged.all()
    logits = np.zeros((len(row), 2))
    logits[stretch.first_slot + np.flatnonzero(~stretch.judged), 0] = 9.0
    assert best_span(PASSAGE, logits, stretch, longest=5).score == 0.0


def test_what_is_not_learned_as_written_is_counted():
    model = make_model("bert", SPANS.model_copy(update={"length": 22, "stride": 5, "question_length": 2}))
    passage = read_passage(PASSAGE, make_reader(model))
    inside = Gold("la", PASSAGE.index("lad"))
    assert tokens_of(inside, passage) is not None
    wide = QuestionRecord("", "", "was", PASSAGE, (inside,))
    lost = question(PASSAGE)
    remarks = model.objective.remarks(items_of(model, wide, lost))
    assert [remark.split(" ", 1)[0] for remark in remarks] == ["1", "1", "1"]
    assert "inside a token" in remarks[0]
    assert "fit no row" in remarks[1]
    assert "questions were cut" in remarks[2]
    assert model.objective.remarks(items_of(model, question("glad", text="was"))) == []


def test_version_one_always_answers():
    model = make_model("bert", SPANS)
    (said,) = predict(model.objective, model.encoder, [question("glad")], make_reader(model))
    assert said["answer"] == PASSAGE[said["start"] :][: len(said["answer"])] != ""
    assert "no_answer_score" not in said
    assert model.objective.tuned([question("glad")], [said]) == SPANS.model_copy(
        update={"layout": "cls_first"}
    )


def test_the_threshold_is_the_best_one_of_the_dev_records_and_decides():
    model = make_model("bert", OPEN)
    records = [question("glad"), question(None), question("town"), question(None)]
    doubts, spans = [-2.0, 1.5, 1.0, 3.0], ["glad", "day", "in town", "sad"]
    said = [
        {"score": 0.0, "no_answer_score": doubt, "span": span}
        for doubt, span in zip(doubts, spans, strict=True)
    ]
    task = model.objective
    before = task.judge(records, said).metrics
    task.settings = task.tuned(records, said)
    after = task.judge(records, said).metrics
    none = np.array([False, True, False, True])
    f1 = np.array([1.0, 0.0, 2 / 3, 0.0])
    best = best_threshold(f1, np.array(doubts), none)
    assert task.settings.threshold == best.value == 1.0
    assert after["f1"] == pytest.approx(best.score) == scores_at(1.0, f1, np.array(doubts), none).mean()
    assert before["f1"] == pytest.approx(scores_at(0.0, f1, np.array(doubts), none).mean())
    assert after["right_no_answer"] == 1.0
    assert next(iter(after)) == "f1"


def test_no_answer_is_empty_and_starts_nowhere():
    model = make_model("bert", OPEN.model_copy(update={"threshold": -1e9}))
    (said,) = predict(model.objective, model.encoder, [question("glad")], make_reader(model))
    assert (said["answer"], said["start"]) == ("", None)
    assert said["span"]


def test_training_records_say_whether_there_may_be_no_answer():
    assert Answer.learn(AnswerSettings(), [question("glad"), question(None)]).no_answer
    settings = Answer.learn(AnswerSettings(), [question("glad")])
    assert settings.no_answer is False
    Answer.check(settings, question("glad"))
    with pytest.raises(BadRow, match="has no answer, and all that is learned has one"):
        Answer.check(settings, question(None))


def test_without_reading_nothing_is_answered_or_the_first_words():
    records = [question("she was glad"), question(None)]
    assert make_model("bert", OPEN).objective.baseline(records, [])["f1"] == 0.5
    assert make_model("bert", SPANS).objective.baseline(records[:1], [])["f1"] == 1.0


def test_a_tuned_threshold_is_kept_in_the_model_of_several_tasks():
    from bothways.finetuning.build import settle

    model = make_model("bert", OPEN)
    several = build_several({"squad": model.objective.settings}, model.vocabulary, model.encoder)
    settle(several, "squad", model.objective.settings.model_copy(update={"threshold": 2.5}))
    assert several.task("squad").settings.threshold == 2.5
    assert several.settings.tasks["squad"]["threshold"] == 2.5


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_a_reader_learns(named):
    model = make_model(named, OPEN.model_copy(update={"dropout": 0.0}))
    records = [question("warm and bright"), question("sad", text="was he"), question(None, text="cold")]
    batch = batch_of(model, *records)
    parameters = [*model.encoder.parameters(), *model.objective.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        model.objective(model.encoder, batch)[0]["answer"].sum.backward()
        optimizer.step()
    said = predict(model.objective, model.encoder, records, make_reader(model))
    assert [each["answer"] for each in said] == ["warm and bright", "sad", ""]
