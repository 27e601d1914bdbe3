import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import TEXT, VOCABULARY, SmallCorpus, corpora, is_plausible, prose

from bothways.config import build
from bothways.errors import DataError, UsageError
from bothways.formats.stream import Stream, StreamSettings

SPECIALS = (VOCABULARY.sep, VOCABULARY.cls)


def stream(corpus, length=32, reuse=16, rows=4, seed=1, **settings):
    return Stream(StreamSettings(length=length, reuse=reuse, **settings), corpus, VOCABULARY, seed, rows)


def plain(corpus, rows, length=16, **settings):
    settings = StreamSettings(rows="plain", length=length, reuse=length, **settings)
    return Stream(settings, corpus, VOCABULARY, 1, rows)


def parts(form, tokens):
    """Return reuse, A and B of a row."""
    reuse = form._settings.reuse
    first = reuse + int(np.flatnonzero(tokens[reuse:] == VOCABULARY.sep)[0])
    assert tuple(tokens[-2:]) == SPECIALS
    return tokens[:reuse], tokens[reuse:first], tokens[first + 1 : -2]


def epoch_of(form, epoch, rows):
    steps = range(epoch * form.steps_per_epoch, (epoch + 1) * form.steps_per_epoch)
    return [form.examples(step, range(rows)) for step in steps]


shapes = st.tuples(st.integers(1, 8), st.integers(6, 12)).map(lambda shape: (shape[0] + shape[1], min(shape)))


@settings(max_examples=30)
@given(corpus=corpora, shape=shapes, columns=st.integers(1, 3), epoch=st.integers(0, 1))
def test_each_token_is_once_an_epoch_in_the_first_half_in_each_direction(corpus, shape, columns, epoch):
    length, reuse = max(12, shape[0]), shape[1]
    total = corpus.num_tokens + corpus.num_documents
    if total < max(columns * reuse, length):
        return
    form = stream(corpus, length, reuse, rows=2 * columns)
    halves = [examples.tokens[:, :reuse] for examples in epoch_of(form, epoch, 2 * columns)]
    forward = np.concatenate([half[0::2] for half in halves]).ravel()
    backward = np.concatenate([half[1::2] for half in halves]).ravel()
    assert np.array_equal(np.sort(forward), np.sort(backward))
    text = forward[forward >= TEXT]
    assert len(np.unique(text)) == len(text)
    assert total - len(forward) < columns * reuse


def test_columns_are_ordered_text_and_backward_rows_read_it_reversed():
    form = stream(prose(20), rows=4)
    halves = np.stack([examples.tokens[:, :16] for examples in epoch_of(form, 0, 4)], axis=1).reshape(4, -1)
    for forward, backward in ((halves[0], halves[1]), (halves[2], halves[3])):
        assert np.array_equal(forward, backward[::-1])
        inside = (forward[1:] >= TEXT) & (forward[:-1] >= TEXT)
        assert (np.diff(forward.astype(int))[inside] == 1).all()
        assert set(forward[forward < TEXT]) == {VOCABULARY.end_of_document}


def test_a_row_goes_on_where_its_first_half_ends():
    form = stream(prose(20), rows=6, negative_share=0.0)
    for step in range(form.steps_per_epoch - 2):
        now, following = (form.examples(t, range(6)).tokens for t in (step, step + 1))
        for row in range(6):
            reuse, a, b = parts(form, now[row])
            text = np.concatenate([reuse, a, b])
            shared = len(text) - 16
            assert np.array_equal(text[16:], following[row][:shared][: len(text) - 16])


@pytest.mark.parametrize("bidirectional", [True, False])
def test_memory_and_row_are_contiguous_also_from_epoch_to_epoch(bidirectional):
    form = stream(prose(5, sentences=5), rows=4, bidirectional=bidirectional)
    sign = np.where(np.arange(4) % 2 * bidirectional, -1, 1)[:, None]
    for step in range(2 * form.steps_per_epoch):
        now, following = form.examples(step, range(4)), form.examples(step + 1, range(4))
        assert now.carry == now.second_block == 16
        assert (np.diff(now.positions, axis=1) == sign).all()
        assert (following.positions[:, :1] == now.positions[:, 15:16] + sign).all()
        assert (np.abs(now.positions[:, 0]) == step * 16).all()


@pytest.mark.parametrize("bidirectional", [True, False])
def test_plain_rows_are_the_text_itself_once_an_epoch_and_all_of_it_is_carried(bidirectional):
    corpus = prose(20)
    form = plain(corpus, rows=4, bidirectional=bidirectional)
    rows = epoch_of(form, 0, 4)
    assert all(each.carry == 16 and each.second_block is None and each.labels is None for each in rows)
    assert not any(each.segments.any() for each in rows)
    texts = np.stack([each.tokens for each in rows], axis=1).reshape(4, -1)
    places = np.stack([each.positions for each in rows], axis=1).reshape(4, -1)
    columns = texts[:: 1 + bidirectional]
    if bidirectional:
        assert np.array_equal(columns, texts[1::2, ::-1])
    assert set(columns[columns < TEXT]) == {VOCABULARY.end_of_document}
    inside = (columns[:, 1:] >= TEXT) & (columns[:, :-1] >= TEXT)
    assert (np.diff(columns.astype(int))[inside] == 1).all()
    words = columns[columns >= TEXT]
    assert len(np.unique(words)) == len(words)
    sign = np.where(np.arange(4) % 2 * bidirectional, -1, 1)[:, None]
    assert (places == sign * np.arange(places.shape[1])).all()
    assert form.needs == {"memory"} | ({"signed positions"} if bidirectional else set())


def test_plain_rows_need_no_second_document_and_keep_documents_apart_where_asked():
    alone = SmallCorpus([[10, 10, 10, 10]])
    with pytest.raises(DataError, match="one document"):
        stream(alone, 16, 8, rows=1, bidirectional=False)
    assert plain(alone, rows=1, bidirectional=False).steps_per_epoch == 2
    apart = plain(prose(20), rows=2, bidirectional=False, memory_scope="document")
    examples = apart.examples(0, range(2))
    ends = examples.tokens == VOCABULARY.end_of_document
    changes = np.diff(examples.documents, axis=1) != 0
    assert (changes == ends[:, :-1]).all()


def test_plain_rows_are_reused_whole():
    with pytest.raises(UsageError, match=r"plain rows are reused whole; set format\.reuse to 64"):
        build(StreamSettings, {"rows": "plain", "length": 64, "reuse": 32}, "here")


def test_the_layout_is_a_sep_b_sep_cls_with_its_segments():
    examples = stream(prose(), rows=8).examples(1, range(8))
    for tokens, segments in zip(examples.tokens, examples.segments, strict=True):
        first, second = np.flatnonzero(tokens == VOCABULARY.sep)
        assert second == 30
        assert tokens[31] == VOCABULARY.cls
        assert segments.tolist() == [0] * (first + 1) + [1] * (30 - first) + [2]
        assert 16 < first < 29
    assert (examples.tokens == VOCABULARY.sep).sum() == 16
    assert examples.tokens.dtype == examples.positions.dtype == examples.segments.dtype == np.int32


@given(seed=st.integers(0, 999), step=st.integers(0, 40), scope=st.sampled_from(["carry", "document"]))
def test_negatives_come_from_a_document_outside_the_row_and_its_memory(seed, step, scope):
    corpus = prose(60, seed % 7, sentence=6, sentences=4)
    form = stream(corpus, seed=seed, memory_scope=scope)
    examples = form.examples(step, range(4))
    # The memory of a row is what its column read before, in this epoch.
    begin = step - step % form.steps_per_epoch
    before = [form.examples(past, range(4)).tokens[:, :16] for past in range(max(begin, step - 4), step)]
    for row in range(4):
        reuse, a, b = parts(form, examples.tokens[row])
        context = np.concatenate([reuse, a, *(past[row] for past in before)])
        known = set(corpus.documents_of(context[context >= TEXT]))
        other = set(corpus.documents_of(b[b >= TEXT]))
        if examples.labels[row]:
            assert not known & other


@given(corpus=corpora, seed=st.integers(0, 99), data=st.data())
def test_a_negative_never_holds_a_token_of_its_row_however_small_the_corpus(corpus, seed, data):
    if corpus.num_tokens + corpus.num_documents < 48:
        return
    form = stream(corpus, 24, 12, rows=2, seed=seed)
    examples = form.examples(data.draw(st.integers(0, 2 * form.steps_per_epoch)), range(2))
    for row in np.flatnonzero(examples.labels):
        reuse, a, b = parts(form, examples.tokens[row])
        text = [part[part >= TEXT] for part in (np.concatenate([reuse, a]), b)]
        assert not set(corpus.documents_of(text[0])) & set(corpus.documents_of(text[1]))


@settings(max_examples=30)
@given(corpus=corpora, seed=st.integers(0, 99))
def test_a_continuing_b_follows_a_in_the_same_document(corpus, seed):
    if corpus.num_tokens + corpus.num_documents < 48:
        return
    form = stream(corpus, 24, 12, rows=2, seed=seed)
    for step in range(2 * form.steps_per_epoch):
        examples = form.examples(step, range(2))
        for row in np.flatnonzero(examples.labels == 0):
            _, a, b = parts(form, examples.tokens[row])
            one, other = (a[-1], b[0]) if row % 2 == 0 else (b[0], a[-1])
            assert one >= TEXT
            assert other in (one + 1, VOCABULARY.end_of_document)


def test_a_ends_at_a_sentence_boundary_where_there_is_one():
    corpus = prose(40, sentence=5)
    form = stream(corpus, 64, 32, rows=8)
    begins, found = corpus.sentence_starts(), []
    for step in range(20):
        examples = form.examples(step, range(8))
        for row in range(0, 8, 2):
            _, a, b = parts(form, examples.tokens[row])
            follows = a[-1] + 1 if examples.labels[row] else b[0]
            found.append(follows in begins and (not examples.labels[row] or b[0] in begins))
    assert np.mean(found) > 0.99


def test_a_backward_negative_begins_with_the_end_of_a_sentence():
    corpus = prose(40, sentence=5)
    form = stream(corpus, 64, 32, rows=8)
    ends = {token - 1 for token in corpus.sentence_starts()} | {VOCABULARY.end_of_document}
    for step in range(20):
        examples = form.examples(step, range(8))
        for row in range(1, 8, 2):
            b = parts(form, examples.tokens[row])[2]
            if examples.labels[row]:
                assert b[0] in ends
                assert (np.diff(b[b >= TEXT].astype(int))[:3] != 1).all()


@pytest.mark.parametrize(
    ("share", "negatives"), [(0.5, "other_document"), (0.5, "released"), (0.2, "other_document")]
)
def test_labels_have_their_share(share, negatives):
    form = stream(prose(200), rows=20, negative_share=share, negatives=negatives)
    labels = np.concatenate([form.examples(step, range(20)).labels for step in range(50)])
    assert is_plausible(labels.sum(), labels.size, share)
    assert labels.dtype == np.int64


def test_released_negatives_may_copy_the_row_itself():
    corpus = prose(6, sentences=6)
    form = stream(corpus, rows=4, negatives="released")
    copies = 0
    for examples in epoch_of(form, 0, 4):
        for row in np.flatnonzero(examples.labels):
            reuse, a, b = parts(form, examples.tokens[row])
            copies += bool(set(b[b >= TEXT]) & set(np.concatenate([reuse, a])))
    assert copies > 0


def test_a_carried_memory_ends_with_the_epoch():
    form = stream(prose(5, sentences=5), rows=4)
    numbers = [
        np.unique(examples.documents).tolist() for epoch in range(3) for examples in epoch_of(form, epoch, 4)
    ]
    assert numbers == [[epoch] for epoch in range(3) for _ in range(form.steps_per_epoch)]


def test_document_numbers_join_exactly_what_is_of_one_document():
    corpus = prose(30, sentence=4, sentences=3)
    form = stream(corpus, rows=4, memory_scope="document")
    remembered = {}
    for step in range(2 * form.steps_per_epoch):
        examples = form.examples(step, range(4))
        epoch = step // form.steps_per_epoch
        assert examples.documents.dtype == np.int32
        for row in range(4):
            stop = int(np.flatnonzero(examples.segments[row])[0]) - 1
            tokens, numbers = examples.tokens[row], examples.documents[row]
            assert (numbers[stop:] == numbers[stop - 1]).all()
            is_text = tokens[:stop] >= TEXT
            real = corpus.documents_of(tokens[:stop][is_text])
            for document, number in zip(real.tolist(), numbers[:stop][is_text].tolist(), strict=True):
                assert remembered.setdefault((epoch, document), number) == number
    assert len(set(remembered.values())) == len(remembered) == 60


def test_a_separator_has_the_number_of_the_document_that_it_ends():
    form = stream(prose(30, sentence=4, sentences=3), rows=2, memory_scope="document")
    for step in range(form.steps_per_epoch):
        forward = form.examples(step, range(1))
        ends = np.flatnonzero(forward.tokens[0, :16] == VOCABULARY.end_of_document)
        ends = ends[ends > 0]
        assert (forward.documents[0, ends] == forward.documents[0, ends - 1]).all()


@given(
    step=st.integers(0, 200),
    start=st.integers(0, 5),
    count=st.integers(1, 6),
    scope=st.sampled_from(["carry", "document"]),
)
def test_any_rows_of_any_step_can_be_read_alone(step, start, count, scope):
    rows = range(start, min(6, start + count))
    corpus = prose(12, sentences=6)
    alone = stream(corpus, rows=6, memory_scope=scope).examples(step, rows)
    together = stream(corpus, rows=6, memory_scope=scope).examples(step, range(6))
    for name in ("tokens", "segments", "positions", "documents", "labels"):
        assert np.array_equal(getattr(together, name)[rows.start : rows.stop], getattr(alone, name))


def test_step_seven_is_the_same_alone_and_after_the_steps_before():
    form, fresh = stream(prose(), rows=4), stream(prose(), rows=4)
    after = [form.examples(step, range(4)) for step in range(8)][7]
    assert np.array_equal(after.tokens, fresh.examples(7, range(4)).tokens)


def test_the_report_counts_rows_and_the_tail():
    corpus = prose(20)
    form = stream(corpus, rows=6)
    total = corpus.num_tokens + 20
    report = " ".join(form.report())
    assert form.rows_per_epoch == 6 * form.steps_per_epoch
    assert f"{form.rows_per_epoch:,} rows of 32 slots an epoch" in report
    assert f"a tail of {total % 48} is left out" in report
    assert "small" not in report
    assert "the corpus is small" in stream(prose(3, sentences=6), rows=2).report()[-1]


def test_what_a_stream_needs_depends_on_its_directions():
    assert stream(prose()).needs == {"segments", "memory", "signed positions"}
    assert stream(prose(), bidirectional=False, rows=3).needs == {"segments", "memory"}


def test_impossible_streams_are_refused_in_one_line():
    corpus = prose(4)
    with pytest.raises(
        UsageError, match=r"'reuse' is 256: more than half of the length 128; set format\.reuse to 64"
    ):
        build(StreamSettings, {"length": 128}, "recipe x")
    with pytest.raises(UsageError, match=r"^3 rows a step .*format\.bidirectional=false$"):
        stream(corpus, rows=3)
    with pytest.raises(UsageError, match="choose one with memory"):
        Stream(StreamSettings(), corpus, VOCABULARY, 1, 2, "cls_first")
    with pytest.raises(DataError, match=r"^the corpus has [\d,]+ tokens, fewer than the 16,000 of one step"):
        stream(corpus, rows=2000)
    with pytest.raises(DataError, match=r"^the corpus is one document, .*format\.negatives=released"):
        stream(SmallCorpus([[9] * 99]))
    with pytest.raises(UsageError, match="beyond the 134,217,728 steps"):
        stream(corpus).examples(2**27, range(4))
