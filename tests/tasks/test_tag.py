"""A label for each word: which token stands for it, long sentences, schemes of entities, scores, and learning."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_tasks import make_model, make_reader

from bothways.batch import IGNORED
from bothways.errors import DataError, UsageError
from bothways.records.reading import BadRow
from bothways.records.types import TaggedRecord, unlabelled
from bothways.tasks import Tag, TagSettings
from bothways.tasks.answering import outputs_of, predict
from bothways.tasks.words import word_tokens

NAMES = TagSettings(labels=("O", "B-X", "I-X"), entities=True, metric="entity_f1")
WORDS = ("was", "unmanly", "in", "town", "and", "gladness", ".")
LABELS = ("O", "B-X", "I-X", "O", "O", "B-X", "O")
RECORD = TaggedRecord("a.conll, row 1", WORDS, LABELS)


def long_record(words=40):
    chosen = [WORDS[number % len(WORDS)] for number in range(words)]
    return TaggedRecord("", tuple(chosen), tuple("B-X" if word == "town" else "O" for word in chosen))


def tagger(named="bert", settings=NAMES, **values):
    return make_model(named, settings, **values)


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_the_first_token_of_a_word_stands_for_it_and_the_others_are_not_scored(named):
    model = tagger(named)
    reader = make_reader(model)
    ((row,),) = model.objective.items(RECORD, reader)
    pieces = word_tokens(WORDS, reader)
    assert max(map(len, pieces)) > 1
    assert row.tokens[row.note.slots].tolist() == [piece[0] for piece in pieces]
    assert row.label[row.note.slots].tolist() == [NAMES.labels.index(label) for label in LABELS]
    assert (row.label != IGNORED).sum() == len(WORDS)


def test_a_model_that_reads_from_the_left_has_seen_a_word_at_its_last_token():
    model = tagger(objective="causal")
    reader = make_reader(model)
    ((row,),) = model.objective.items(RECORD, reader)
    assert row.tokens[row.note.slots].tolist() == [piece[-1] for piece in word_tokens(WORDS, reader)]


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_the_loss_is_the_cross_entropy_of_words_wherever_rows_are_padded(named):
    model = tagger(named)
    reader = make_reader(model)
    records = [RECORD, TaggedRecord("", ("town", "."), ("B-X", "O"))]
    items = [item for record in records for item in model.objective.items(record, reader)]
    batch = model.objective.corrupt(model.objective.stack(items), np.random.default_rng(0))
    losses, memory = model.objective(model.encoder, batch)
    by_hand = torch.tensor(0.0)
    for item in items:
        (alone,) = outputs_of(model.objective, model.encoder, [item])
        row = item[0]
        wanted = torch.from_numpy(row.label[row.note.slots])
        by_hand += F.cross_entropy(torch.from_numpy(alone[row.note.slots]), wanted, reduction="sum")
    torch.testing.assert_close(losses["tag"].sum, by_hand)
    assert model.objective.counts(batch) == {"tag": len(WORDS) + 2}
    assert memory is None


@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_every_word_of_a_long_sentence_is_judged_in_one_window(named):
    model = tagger(named, NAMES.model_copy(update={"length": 14}))
    record = long_record()
    items = model.objective.items(record, make_reader(model))
    assert len(items) > 3
    assert max(len(row) for (row,) in items) == 14
    judged = np.concatenate([row.note.words for (row,) in items])
    assert sorted(judged) == list(range(40))
    (said,) = predict(model.objective, model.encoder, [unlabelled(record)], make_reader(model))
    assert len(said["labels"]) == 40


def test_labels_of_any_scheme_are_learned_and_judged_as_iob2():
    records = [TaggedRecord("", ("a", "b", "c"), ("I-X", "I-X", "O")), TaggedRecord("", ("d",), ("I-Y",))]
    settings = Tag.learn(TagSettings(), records)
    assert settings.entities
    assert settings.metric == "entity_f1"
    assert settings.labels == ("O", "B-X", "I-X", "B-Y", "I-Y")
    model = tagger(settings=settings)
    predictions = [{"labels": ["B-X", "I-X", "O"]}, {"labels": ["B-Y"]}]
    assert model.objective.judge(records, predictions).metrics["entity_f1"] == 1.0
    broken = [{"labels": ["I-X", "I-X", "O"]}, {"labels": ["B-Y"]}]
    assert model.objective.judge(records, broken).metrics["entity_f1"] == pytest.approx(2 / 3)


def test_parts_of_speech_are_judged_by_accuracy():
    records = [TaggedRecord("", ("a", "b"), ("DET", "NOUN")), TaggedRecord("", ("c",), ("VERB",))]
    settings = Tag.learn(TagSettings(), records)
    assert (settings.entities, settings.metric) == (False, "accuracy")
    model = tagger(settings=settings)
    judged = model.objective.judge(records, [{"labels": ["DET", "VERB"]}, {"labels": ["VERB"]}])
    assert judged.metrics["accuracy"] == pytest.approx(2 / 3)
    assert "entity_f1" not in judged.metrics
    assert float(judged.metric(*judged.run)) == next(iter(judged.metrics.values()))
    with pytest.raises(UsageError, match=r"entity_f1 is about labels such as B-TYPE"):
        Tag.learn(TagSettings(metric="entity_f1"), records)


@pytest.mark.parametrize("metric", ["entity_f1", "accuracy", "macro_f1"])
def test_what_is_known_of_each_sentence_is_columns_that_give_the_score(metric):
    model = tagger(settings=NAMES.model_copy(update={"metric": metric}))
    predictions = [{"labels": ["O", "B-X", "O", "O", "B-X", "B-X", "O"]}]
    judged = model.objective.judge([RECORD], predictions)
    assert next(iter(judged.metrics)) == metric
    assert all(column.shape == (1,) for column in judged.run)
    assert float(judged.metric(*judged.run)) == pytest.approx(judged.metrics[metric])


def test_labels_that_cannot_be_judged_make_bad_rows():
    with pytest.raises(BadRow) as met:
        Tag.check(NAMES, TaggedRecord("dev.conll, row 7", ("a",), ("B-Z",)))
    assert str(met.value).startswith("dev.conll, row 7: the label is none of task.labels ('B-Z'")
    with pytest.raises(BadRow) as met:
        Tag.check(NAMES, TaggedRecord("dev.conll, row 9", ("a",), ("NOUN",)))
    assert "a label marks no entity" in str(met.value)
    assert "'NOUN' is no entity tag" in str(met.value)
    with pytest.raises(DataError, match=r"train.conll, row 2: 'NOUN' is no entity tag"):
        Tag.learn(TagSettings(entities=True), [TaggedRecord("train.conll, row 2", ("a",), ("NOUN",))])


def test_a_student_without_labels_of_its_own_is_judged_as_its_teacher():
    bare = [TaggedRecord("", ("a", "town"))]
    teachers = {name: getattr(NAMES, name) for name in Tag.meaning}
    settings = Tag.learn(TagSettings(**teachers), bare)
    assert (settings.labels, settings.entities, settings.metric) == (NAMES.labels, True, "entity_f1")


def test_what_is_known_without_reading_is_the_usual_label_of_each_word():
    settings = TagSettings(labels=("D", "N", "V"), entities=False, metric="accuracy")
    model = tagger(settings=settings)
    train = [TaggedRecord("", ("the", "run", "run", "run"), ("D", "N", "V", "V"))]
    dev = [TaggedRecord("", ("run", "the", "new"), ("V", "D", "N"))]
    assert model.objective.baseline(dev, train)["accuracy"] == pytest.approx(2 / 3)


def test_what_teachers_say_is_padded_like_the_rows():
    model = tagger("transformer_xl")
    records = [RECORD, TaggedRecord("", ("town",), ("B-X",))]
    items = [item for record in records for item in model.objective.items(record, make_reader(model))]
    said = outputs_of(model.objective, model.encoder, items)
    assert [len(each) for each in said] == [len(row) for (row,) in items]
    taught = [(dataclasses.replace(row, soft=each),) for (row,), each in zip(items, said, strict=True)]
    examples = model.objective.stack(taught)
    assert examples.soft.shape == (2, examples.tokens.shape[1], 3)
    assert np.array_equal(examples.soft[1, -len(said[1]) :], said[1])


def test_a_tagger_learns():
    model = tagger(settings=NAMES.model_copy(update={"dropout": 0.0, "length": 14}))
    reader, record = make_reader(model), long_record(20)
    batch = model.objective.corrupt(
        model.objective.stack(model.objective.items(record, reader)), np.random.default_rng(0)
    )
    parameters = [*model.encoder.parameters(), *model.objective.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    for _ in range(30):
        optimizer.zero_grad()
        model.objective(model.encoder, batch)[0]["tag"].sum.backward()
        optimizer.step()
    (said,) = predict(model.objective, model.encoder, [record], reader)
    assert said["labels"] == list(record.labels)
