"""Rows as models read them: special tokens, cutting, padding, and long texts segment by segment."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import BACKBONE_CASES
from small_tasks import make_model, make_reader, tokenizer

from bothways.objectives.quiet import without_training
from bothways.records.types import TextRecord
from bothways.tasks.answering import outputs_of
from bothways.tasks.classify import ClassifySettings
from bothways.tasks.rows import FIRST, SECOND, SPECIAL, lay_out_row, shares
from bothways.tasks.sentences import cut, read_texts
from bothways.text.tokenizer import with_layout

LABELS = ("bad", "good")
NAMES = [name for name in BACKBONE_CASES if name != "gpt2"]


@pytest.mark.parametrize("pair", [None, "cold and grey"])
@pytest.mark.parametrize("named", ["bert", "transformer_xl"])
def test_rows_are_laid_out_as_the_written_tokenizer_lays_them_out(named, pair):
    model = make_model(named, ClassifySettings(labels=LABELS))
    row = read_texts(TextRecord("", "she was glad", pair), make_reader(model), model.objective.settings)
    expected = with_layout(tokenizer(), model.layout).encode("she was glad", pair)
    assert row.tokens.tolist() == expected.ids
    assert row.segments.tolist() == expected.type_ids
    special = np.array(expected.special_tokens_mask, dtype=bool)
    assert (row.parts[special] == SPECIAL).all()
    of_text = [
        number for number, which in zip(row.parts, expected.sequence_ids, strict=True) if which is not None
    ]
    assert of_text == [which + 1 for which in expected.sequence_ids if which is not None]
    assert (FIRST, SECOND) == (1, 2)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 50))
def test_the_longer_of_two_texts_loses_a_token_at_a_time(first, second, limit):
    kept = [first, second]
    while sum(kept) > limit:
        kept[0 if kept[0] > kept[1] else 1] -= 1
    assert sorted(shares(first, second, limit)) == sorted(kept)
    assert all(
        share <= length for share, length in zip(shares(first, second, limit), (first, second), strict=True)
    )


@pytest.mark.parametrize(
    ("what", "kept"), [("end", [0, 1, 2, 3]), ("start", [6, 7, 8, 9]), ("middle", [0, 7, 8, 9])]
)
def test_a_text_is_cut_where_it_is_said(what, kept):
    assert list(cut(range(10), 4, what)) == kept
    assert list(cut(range(4), 4, what)) == [0, 1, 2, 3]


@pytest.mark.parametrize("named", NAMES)
def test_padding_changes_no_answer(named):
    model = make_model(named, ClassifySettings(labels=LABELS))
    short, long = TextRecord("", "she was glad"), TextRecord("", "a fine day in town 1 . he was sad")
    reader = make_reader(model)
    items = [model.objective.items(record, reader)[0] for record in (short, long)]
    together = outputs_of(model.objective, model.encoder, items)
    alone = [outputs_of(model.objective, model.encoder, [item])[0] for item in items]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not np.allclose(together[0], together[1], atol=1e-3)


@pytest.mark.parametrize("named", ["gpt2", "transformer_xl"])
def test_a_model_that_reads_from_the_left_is_asked_at_its_last_slot(named):
    model = make_model(named, ClassifySettings(labels=LABELS), objective="causal")
    reader = make_reader(model)
    items = [
        model.objective.items(TextRecord("", text), reader)[0] for text in ("she was glad", "he was glad in")
    ]
    batch = model.objective.corrupt(model.objective.stack(items), np.random.default_rng(0))
    last = {"cls_first": [4, 5], "cls_last": [5, 5]}[model.layout]
    assert batch.asked[:, 0].tolist() == last
    with without_training(model.encoder):
        whole, _ = model.encoder(batch)
        changed = batch.tokens.clone()
        changed[:, -1] = model.vocabulary.mask
        other, _ = model.encoder(type(batch)(**{**vars(batch), "tokens": changed}))
    torch.testing.assert_close(whole[1, :-1], other[1, :-1])


@pytest.mark.parametrize("objective", ["permutation", "causal"])
def test_a_long_text_is_read_segment_by_segment_with_memory(objective):
    settings = ClassifySettings(labels=LABELS, length=8, long_texts="memory")
    model = make_model("transformer_xl", settings, objective=objective, memory=16)
    reader, task = make_reader(model), model.objective
    long = TextRecord("", "a fine day in town 1 . he was sad . warm and bright in town 2 .")
    texts = [long, TextRecord("", "she was glad"), TextRecord("", "cold and grey in town 2 . a dark day")]
    items = [task.items(record, reader)[0] for record in texts]
    assert len(items[0][0]) > 16
    together = outputs_of(task, model.encoder, items)
    for item, output in zip(items, together, strict=True):
        np.testing.assert_allclose(output, outputs_of(task, model.encoder, [item])[0], atol=1e-5)
    forgetful = make_model("transformer_xl", settings, objective=objective, memory=0)
    without = outputs_of(forgetful.objective, forgetful.encoder, items)
    assert not np.allclose(together[0], without[0], atol=1e-4), "memory says nothing"
    np.testing.assert_allclose(together[1], without[1], atol=1e-5)


def test_a_row_holds_two_texts_only_where_segments_tell_them_apart_or_the_model_has_none():
    with_segments, without = (
        make_reader(make_model(name, ClassifySettings(labels=LABELS))) for name in ("bert", "roberta")
    )
    assert lay_out_row(with_segments, [7, 8], [9]).segments.tolist() == [0, 0, 0, 0, 1, 1]
    assert lay_out_row(without, [7, 8], [9]).segments.tolist() == [0] * 6
