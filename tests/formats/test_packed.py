import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import TEXT, VOCABULARY, corpora, prose

from bothways.errors import DataError
from bothways.formats.packed import Packed, PackedSettings


def packed(corpus, length=16, rows=4, layout="cls_first", seed=1, **settings):
    return Packed(PackedSettings(length=length, **settings), corpus, VOCABULARY, seed, rows, layout)


def rows_from(form, first, count, rows=1):
    """Return `count` rows of tokens, counted from the beginning of training."""
    return np.concatenate([form.examples(step, range(rows)).tokens for step in range(first, first + count)])


@settings(max_examples=40)
@given(
    corpus=corpora,
    length=st.integers(3, 20),
    epoch=st.integers(0, 2),
    layout=st.sampled_from(["cls_first", "cls_last"]),
)
def test_each_token_is_read_once_an_epoch_but_for_a_tail_shorter_than_a_row(corpus, length, epoch, layout):
    form = packed(corpus, length, rows=1, layout=layout)
    per_epoch = form.rows_per_epoch
    tokens = rows_from(form, epoch * per_epoch, per_epoch).ravel()
    text = tokens[tokens >= TEXT]
    assert len(np.unique(text)) == len(text)
    separators = (tokens == VOCABULARY.sep).sum()
    assert corpus.num_tokens + corpus.num_documents - len(text) - separators < length - 1
    assert (tokens == VOCABULARY.cls).sum() == per_epoch


def test_a_row_is_contiguous_text_and_documents_keep_their_order():
    form = packed(prose(), length=64)
    tokens = form.examples(0, range(4)).tokens[:, 1:].astype(int)
    steps = np.diff(tokens, axis=1)
    inside = (tokens[:, 1:] >= TEXT) & (tokens[:, :-1] >= TEXT)
    assert (steps[inside] == 1).all()
    assert set(tokens[tokens < TEXT]) <= {VOCABULARY.sep}


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
def test_document_numbers_and_positions_follow_the_pieces(layout):
    corpus = prose(sentences=2)
    examples = packed(corpus, length=64, layout=layout).examples(3, range(4))
    for tokens, documents, positions in zip(
        examples.tokens, examples.documents, examples.positions, strict=True
    ):
        for number in np.unique(documents):
            here = documents == number
            text = tokens[here][tokens[here] >= TEXT]
            assert len(np.unique(corpus.documents_of(text))) <= 1
            assert positions[here].tolist() == list(range(here.sum()))
        assert (np.diff(documents) >= 0).all()
        # A separator ends a document: the next slot has another number.
        ends = np.flatnonzero(tokens[:-1] == VOCABULARY.sep)
        ends = ends[tokens[ends + 1] != VOCABULARY.cls]
        assert (documents[ends + 1] == documents[ends] + 1).all()


def test_cls_stands_at_its_end_and_belongs_to_the_document_beside_it():
    first, last = (
        packed(prose(), length=32, layout=layout).examples(0, range(4))
        for layout in ("cls_first", "cls_last")
    )
    assert (first.tokens[:, 0] == VOCABULARY.cls).all()
    assert (last.tokens[:, -1] == VOCABULARY.cls).all()
    assert (first.documents[:, 0] == first.documents[:, 1]).all()
    assert (last.documents[:, -1] == last.documents[:, -2]).all()
    assert (last.positions[:, -1] == last.positions[:, -2] + 1).all()
    assert not first.segments.any()
    assert (last.segments == np.where(np.arange(32) == 31, 2, 0)).all()
    assert np.array_equal(first.tokens[:, 1:], last.tokens[:, :-1])


def test_documents_may_see_each_other_on_request():
    examples = packed(prose(), across_documents=True).examples(0, range(4))
    assert examples.documents is None
    assert (examples.positions == np.arange(16)).all()


def test_neighbouring_rows_of_a_batch_come_from_different_places():
    form = packed(prose(200), length=32, rows=64)
    firsts = form.examples(0, range(64)).tokens[:, 1:].max(axis=1)
    assert np.abs(np.diff(firsts.astype(int))).min() > 0
    assert np.median(np.abs(np.diff(firsts.astype(int)))) > 32 * 10


def test_epochs_and_seeds_shuffle_anew():
    form = packed(prose(), rows=1)
    one, two = (rows_from(form, epoch * form.rows_per_epoch, 20) for epoch in range(2))
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, rows_from(packed(prose(), rows=1, seed=2), 0, 20))


@given(step=st.integers(0, 400), start=st.integers(0, 6), count=st.integers(1, 7))
def test_any_rows_of_any_step_can_be_read_alone(step, start, count):
    form = packed(prose(6), rows=7)
    rows = range(start, min(7, start + count))
    alone = packed(prose(6), rows=7).examples(step, rows)
    together = form.examples(step, range(7))
    for name in ("tokens", "segments", "positions", "documents"):
        assert np.array_equal(getattr(together, name)[rows.start : rows.stop], getattr(alone, name))
        assert getattr(alone, name).dtype == np.int32


def test_the_report_counts_rows_and_the_tail():
    corpus = prose(10)
    form = packed(corpus, length=64, rows=4)
    total = corpus.num_tokens + 10
    assert form.rows_per_epoch == total // 63
    assert form.steps_per_epoch == -(-form.rows_per_epoch // 4)
    assert f"a tail of {total % 63} is left out" in " ".join(form.report())


def test_a_corpus_shorter_than_a_row_is_refused_in_one_line():
    with pytest.raises(
        DataError, match=r"^the corpus has [\d,]+ tokens, .* lower format\.length or add text$"
    ):
        packed(prose(2, sentences=1), length=512)


def test_rows_outside_the_global_batch_are_refused():
    with pytest.raises(ValueError, match="not a contiguous part"):
        packed(prose()).examples(0, range(3, 5))
