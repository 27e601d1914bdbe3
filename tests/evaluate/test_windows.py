import numpy as np
import pytest
from toy_language import UNK, VOCABULARY

from bothways.errors import DataError
from bothways.evaluate.windows import (
    Documents,
    cut_document,
    select_runs,
    select_spans,
    select_tokens,
    select_windows,
)


def random_documents(count=30, seed=0):
    rng = np.random.default_rng(seed)
    return Documents(
        [rng.choice([5, 6, 7, 7], size=rng.integers(1, 80)).astype(np.int32) for _ in range(count)]
    )


def windows_of(documents, limit=12, seed=0):
    return select_windows(documents, VOCABULARY, limit=limit, pool_tokens=10_000, seed=seed)


@pytest.mark.parametrize("limit", [1, 2, 5, 12, 100])
def test_pieces_join_to_the_document_and_respect_the_limit(limit):
    for document in random_documents().tokens:
        pieces = list(cut_document(document, VOCABULARY.starts_word, limit))
        np.testing.assert_array_equal(np.concatenate(pieces), document)
        assert all(0 < len(piece) <= limit for piece in pieces)


def test_pieces_end_with_whole_words():
    document = np.array([5, 7, 6, 7, 7, 5, 6, 7], dtype=np.int32)
    pieces = [piece.tolist() for piece in cut_document(document, VOCABULARY.starts_word, 4)]
    assert pieces == [[5, 7], [6, 7, 7, 5], [6, 7]]


def test_a_word_longer_than_a_window_is_cut():
    document = np.array([5, 7, 7, 7, 7, 6], dtype=np.int32)
    pieces = [piece.tolist() for piece in cut_document(document, VOCABULARY.starts_word, 3)]
    assert pieces == [[5, 7, 7], [7, 7, 6]]


def test_no_more_text_is_read_than_the_pool_holds():
    windows = select_windows(random_documents(), VOCABULARY, limit=12, pool_tokens=100, seed=0)
    assert 80 < sum(map(len, windows)) <= 100


def test_text_without_two_tokens_in_a_row_is_refused():
    with pytest.raises(DataError, match="give more text"):
        windows_of(Documents([np.array([5], dtype=np.int32)]))
    with pytest.raises(DataError, match="give more text"):
        windows_of(Documents([]))


def test_tokens_are_drawn_once_each_and_never_special():
    windows = windows_of(random_documents())
    windows[0][0] = UNK
    chosen = select_tokens(windows, VOCABULARY, 200, seed=0)
    assert len(np.unique(chosen, axis=0)) == 200
    assert [0, 0] not in chosen.tolist()
    everything = select_tokens(windows, VOCABULARY, 10**6, seed=0)
    assert len(everything) == sum(map(len, windows)) - 1


def test_text_of_unknown_tokens_only_is_refused():
    with pytest.raises(DataError, match="every token is unknown"):
        select_tokens([np.array([UNK, UNK])], VOCABULARY, 5, seed=0)


def test_spans_are_two_to_four_whole_words_without_special_tokens():
    windows = windows_of(random_documents())
    for window in windows[::3]:
        window[len(window) // 2] = UNK
    spans = select_spans(windows, VOCABULARY, 400, seed=0)
    assert len(spans) == 400
    for span in spans:
        window = windows[span.window]
        begin, end = span.positions[0], span.positions[-1] + 1
        assert span.positions == tuple(range(begin, end))
        assert VOCABULARY.starts_word[window[begin]]
        assert end == len(window) or VOCABULARY.starts_word[window[end]]
        assert 2 <= VOCABULARY.starts_word[window[begin:end]].sum() <= 4
        assert not VOCABULARY.is_special[window[begin:end]].any()
        assert len(span.positions) < len(window)


def test_a_window_of_one_word_has_no_span():
    assert select_spans([np.array([5, 7, 7, 7])], VOCABULARY, 10, seed=0) == []


def test_runs_are_consecutive_and_all_but_the_last_window_are_full():
    documents = random_documents()
    runs = select_runs(documents, limit=6, count=300, pool_tokens=10_000, seed=0)
    texts = ["".join(map(str, document)) for document in documents.tokens]
    assert 300 <= sum(len(window) for run in runs for window in run) < 300 + 6 * 8
    for run in runs:
        assert all(len(window) == 6 for window in run[:-1])
        assert any("".join(map(str, np.concatenate(run))) in text for text in texts)


def test_a_seed_fixes_the_choice_and_another_seed_changes_it():
    def choice(seed):
        windows = windows_of(random_documents(), seed=seed)
        return (
            [window.tolist() for window in windows],
            select_tokens(windows, VOCABULARY, 50, seed).tolist(),
            select_spans(windows, VOCABULARY, 50, seed),
        )

    assert choice(3) == choice(3)
    assert all(first != second for first, second in zip(choice(3), choice(4), strict=True))
