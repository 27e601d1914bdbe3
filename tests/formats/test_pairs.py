import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import TEXT, VOCABULARY, SmallCorpus, corpora, is_plausible, prose

from bothways.errors import DataError
from bothways.formats.pair_plan import PART, Cutting, Sentences, plan_chunks
from bothways.formats.pairs import CHUNKINGS, Pairs, PairsSettings


def pairs(corpus, length=64, rows=4, layout="cls_first", seed=1, **settings):
    return Pairs(PairsSettings(length=length, **settings), corpus, VOCABULARY, seed, rows, layout)


def segments_of(tokens):
    """Return A and B of a row."""
    ends = np.flatnonzero(tokens == VOCABULARY.sep)
    return (part[part >= TEXT] for part in (tokens[: ends[0]], tokens[ends[0] : ends[1]]))


def an_epoch(form, number=0):
    """Return (A, B, label) of every row of an epoch of a format with one row a step."""
    first = sum(form._count(epoch % CHUNKINGS) for epoch in range(number))
    for step in range(first, first + form._count(number % CHUNKINGS)):
        examples = form.examples(step, range(1))
        yield *segments_of(examples.tokens[0]), int(examples.labels[0])


@settings(max_examples=40)
@given(
    corpus=corpora, seed=st.integers(0, 99), epoch=st.integers(0, 2), short=st.sampled_from([0.0, 0.1, 1.0])
)
def test_each_sentence_is_once_an_a_or_a_true_continuation(corpus, seed, epoch, short):
    # Rows too long for any truncation: every token of a sentence is there.
    form = pairs(corpus, length=512, rows=1, seed=seed, short_share=short)
    used = [text for a, b, label in an_epoch(form, epoch) for text in ((a,) if label else (a, b))]
    assert sorted(np.concatenate(used).tolist()) == list(range(TEXT, TEXT + corpus.num_tokens))


@given(corpus=corpora, seed=st.integers(0, 99), length=st.integers(8, 40))
def test_swapped_pairs_use_each_sentence_once_too(corpus, seed, length):
    sentences = Sentences.of(corpus)
    chunks = plan_chunks(sentences, Cutting(length, 0.1, puts_back=False), seed, 0)
    order = np.argsort(chunks.starts)
    assert chunks.starts[order][0] == 0
    assert np.array_equal(chunks.stops[order][:-1], chunks.starts[order][1:])
    assert chunks.stops.max() == len(sentences.offsets) - 1


@given(corpus=corpora, seed=st.integers(0, 99), length=st.integers(8, 40))
def test_pairs_of_one_document_are_neighbours_in_the_order_that_the_label_says(corpus, seed, length):
    form = pairs(corpus, length=length, rows=1, seed=seed, pair="order")
    for a, b, label in an_epoch(form):
        if b.size:
            assert (a[0] > b[0]) == bool(label)
            assert len(np.unique(corpus.documents_of(np.concatenate([a, b])))) == 1
        else:
            assert (len(a), label) == (1, 0)


@settings(max_examples=40)
@given(corpus=corpora, seed=st.integers(0, 99), length=st.integers(8, 40))
def test_where_every_second_segment_follows_none_is_swapped_or_of_another_document(corpus, seed, length):
    form = pairs(corpus, length=length, rows=1, seed=seed, pair="follow")
    for a, b, label in an_epoch(form):
        assert label == 0
        assert len(np.unique(corpus.documents_of(np.concatenate([a, b])))) == 1
        assert not b.size or a[-1] < b[0]


@settings(max_examples=40)
@given(corpus=corpora, seed=st.integers(0, 99), length=st.integers(8, 64))
def test_negatives_come_from_another_document_and_continuations_follow_on(corpus, seed, length):
    form = pairs(corpus, length=length, rows=1, seed=seed)
    for a, b, label in an_epoch(form):
        assert a.size
        assert b.size
        assert len(a) + len(b) <= length - 3
        assert (np.diff(a) == 1).all()
        assert (np.diff(b) == 1).all()
        same = corpus.documents_of(a[:1]) == corpus.documents_of(b[:1])
        assert same == (not label)
        if not label and len(a) + len(b) < length - 3:
            assert b[0] == a[-1] + 1


def test_labels_are_even_where_a_chunk_has_two_sentences_and_short_ones_are_a_tenth():
    cutting = Cutting(125, 0.1, puts_back=True)
    chunks = plan_chunks(Sentences.of(prose(1500)), cutting, 1, 0)
    several = chunks.stops - chunks.starts > 1
    assert is_plausible(chunks.chosen[several].sum(), several.sum(), 0.5)
    assert chunks.chosen[~several].all()
    # A drawn length is the longest itself once in 124.
    assert is_plausible((chunks.targets < 125).sum(), len(chunks), 0.1 * 123 / 124)
    shorter = chunks.targets[chunks.targets < 125]
    assert shorter.min() == 2
    assert abs(shorter.mean() - 63) < 5 * 36 / len(shorter) ** 0.5


def test_short_lengths_are_drawn_for_each_pair_and_not_for_each_document():
    corpus = prose(20, sentences=1200)
    sentences = Sentences.of(corpus)
    chunks = plan_chunks(sentences, Cutting(125, 0.1, puts_back=False), 1, 0)
    owners = sentences.owners(chunks.starts)
    shares = [(chunks.targets[owners == owner] < 125).mean() for owner in range(20)]
    assert 0 < min(shares) < max(shares) < 0.4


def test_the_end_of_the_first_segment_is_uniform_among_sentence_boundaries():
    corpus = SmallCorpus([[5] * 4 for _ in range(3000)])
    chunks = plan_chunks(Sentences.of(corpus), Cutting(20, 0.0, puts_back=False), 1, 0)
    counts = np.bincount(chunks.middles - chunks.starts, minlength=4)
    assert counts[0] == 0
    assert all(is_plausible(count, 3000, 1 / 3) for count in counts[1:])


def test_half_of_the_sentence_orders_are_swapped():
    form = pairs(prose(400), rows=500, pair="order")
    labels = form.examples(0, range(500)).labels
    assert is_plausible(labels.sum(), 500, 0.5)
    assert labels.dtype == np.int64


def test_long_documents_are_planned_in_parts_without_losing_a_sentence():
    corpus = SmallCorpus([[3] * (2 * PART + 7), [4] * 5])
    for puts_back in (True, False):
        chunks = plan_chunks(Sentences.of(corpus), Cutting(20, 0.1, puts_back), 1, 0)
        used = np.where(chunks.chosen, chunks.middles, chunks.stops) if puts_back else chunks.stops
        covered = np.concatenate([np.arange(*bounds) for bounds in zip(chunks.starts, used, strict=True)])
        assert np.array_equal(np.sort(covered), np.arange(2 * PART + 12))


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
def test_rows_are_laid_out_as_the_tokenizer_does(layout):
    corpus = prose()
    examples = pairs(corpus, length=96, rows=32, layout=layout).examples(0, range(32))
    for tokens, segments, positions in zip(
        examples.tokens, examples.segments, examples.positions, strict=True
    ):
        content = tokens != VOCABULARY.pad
        a, b = segments_of(tokens)
        cls, sep = [VOCABULARY.cls], [VOCABULARY.sep]
        if layout == "cls_first":
            row, kinds = [*cls, *a, *sep, *b, *sep], [0] * (len(a) + 2) + [1] * (len(b) + 1)
            assert content.tolist() == sorted(content, reverse=True)
        else:
            row, kinds = [*a, *sep, *b, *sep, *cls], [0] * (len(a) + 1) + [1] * (len(b) + 1) + [2]
            assert content.tolist() == sorted(content)
        assert tokens[content].tolist() == row
        assert segments[content].tolist() == kinds
        assert positions[content].tolist() == list(range(len(row)))
        assert positions.min() == 0
    assert examples.documents is None


def test_too_long_pairs_lose_tokens_at_both_ends_of_the_longer_segment():
    corpus = SmallCorpus([[20, 200]] * 3)
    form = pairs(corpus, length=63, rows=1, pair="order", short_share=0.0)
    fronts, removed = 0, 0
    for step in range(3 * 60):
        a, b = segments_of(form.examples(step, range(1)).tokens[0])
        assert len(a) + len(b) == 60
        short, long = sorted((a, b), key=len)
        assert len(short) == 20
        begins = [TEXT + start for start in (0, 20, 220, 240, 440, 460)]
        assert short[0] in begins
        begin = max(start for start in begins if start <= long[0])
        fronts, removed = fronts + int(long[0]) - begin, removed + 160
    assert is_plausible(fronts, removed, 0.5)


@settings(max_examples=40)
@given(
    step=st.integers(0, 300),
    start=st.integers(0, 6),
    count=st.integers(1, 7),
    pair=st.sampled_from(["next", "order", "follow"]),
)
def test_any_rows_of_any_step_can_be_read_alone(step, start, count, pair):
    rows = range(start, min(7, start + count))
    alone = pairs(prose(6, sentences=5), rows=7, pair=pair).examples(step, rows)
    form = pairs(prose(6, sentences=5), rows=7, pair=pair)
    form.examples(2, range(7))
    together = form.examples(step, range(7))
    for name in ("tokens", "segments", "positions", "labels"):
        assert np.array_equal(getattr(together, name)[rows.start : rows.stop], getattr(alone, name))


def test_a_cutting_comes_again_with_other_negatives_and_another_order():
    form = pairs(prose(20, sentences=5), length=512, rows=1)
    first, again = (list(an_epoch(form, number)) for number in (0, CHUNKINGS))
    assert sorted(tuple(a) for a, _, _ in first) == sorted(tuple(a) for a, _, _ in again)
    assert [tuple(a) for a, _, _ in first] != [tuple(a) for a, _, _ in again]
    assert {tuple(b) for _, b, label in first if label} != {tuple(b) for _, b, label in again if label}
    assert sorted(tuple(a) for a, _, _ in first) != sorted(tuple(a) for a, _, _ in an_epoch(form, 1))


@pytest.mark.parametrize("pair", ["next", "order", "follow"])
def test_the_report_counts_what_the_first_epoch_holds(pair):
    corpus = prose(20, sentence=30)
    form = pairs(corpus, length=64, rows=1, pair=pair)
    rows = list(an_epoch(form))
    assert form.rows_per_epoch == form.steps_per_epoch == len(rows)
    filled = sum(len(a) + len(b) + 3 for a, b, _ in rows)
    report = " ".join(form.report())
    assert f"{len(rows):,} rows of 64 slots in the first epoch" in report
    assert f"{1 - filled / (64 * len(rows)):.1%} padding" in report
    assert f"in {np.mean([label for *_, label in rows]):.1%} of them" in report
    if pair != "next":
        kept = sum(len(a) + len(b) for a, b, _ in rows)
        assert f"{corpus.num_tokens - kept:,} of {corpus.num_tokens:,} tokens are truncated" in report


def test_one_document_can_not_follow_another():
    corpus = SmallCorpus([[9] * 20, []])
    with pytest.raises(DataError, match=r"^the corpus is one document, .*format\.pair=order .*$"):
        pairs(corpus)
    assert pairs(corpus, pair="order").rows_per_epoch > 1


def test_a_corpus_without_text_is_refused_in_one_line():
    with pytest.raises(DataError, match="hold no text"):
        pairs(SmallCorpus([[]]))
