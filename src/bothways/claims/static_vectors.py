"""Static vectors, one a word: word2vec (Mikolov et al. 2013), or what it factorises where gensim is not installed.

Levy and Goldberg (2014) show that skip-grams with negative samples factorise the pointwise mutual information of words
and their neighbours; truncated singular values of its positive part are such vectors, too.
"""

import importlib.util
from collections import Counter
from collections.abc import Sequence

import numpy as np

WIDTH, WINDOW = 32, 4
"""Numbers of a vector, and how many words to each side are neighbours."""


def has_word2vec() -> bool:
    """Say whether gensim is installed."""
    return importlib.util.find_spec("gensim") is not None


def word_vectors(text: Sequence[Sequence[str]], seed: int) -> tuple[dict[str, np.ndarray], str]:
    """Return a vector for each word of a text of sentences, float32 [`WIDTH`] or fewer, and how they were learned."""
    if has_word2vec():
        return _word2vec(text, seed), "word2vec"
    return _factorised(text), "PPMI and SVD, since gensim is not installed (pip install 'bothways[claims]')"


def _word2vec(text: Sequence[Sequence[str]], seed: int) -> dict[str, np.ndarray]:
    from gensim.models import Word2Vec  # takes a second to load

    # One worker, since the order in which several write is chance.
    model = Word2Vec(
        text, vector_size=WIDTH, window=WINDOW, sg=1, min_count=1, workers=1, seed=seed, epochs=5
    )
    return {word: model.wv[word] for word in model.wv.index_to_key}


def _factorised(text: Sequence[Sequence[str]]) -> dict[str, np.ndarray]:
    words = sorted({word for sentence in text for word in sentence})
    number = {word: place for place, word in enumerate(words)}
    counts = np.zeros((len(words), len(words)))
    for (one, other), count in _neighbours(text).items():
        counts[number[one], number[other]] = count
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / counts.sum()
    information = np.log(np.maximum(counts, 1e-12) / np.maximum(expected, 1e-12))
    left, values, _ = np.linalg.svd(np.maximum(information, 0))
    vectors = (left * np.sqrt(values))[:, :WIDTH].astype(np.float32)
    return {word: vectors[place] for word, place in number.items()}


def _neighbours(text: Sequence[Sequence[str]]) -> Counter[tuple[str, str]]:
    """Count how often each word stands within `WINDOW` words of each other one."""
    return Counter(
        (one, other)
        for sentence in text
        for place, one in enumerate(sentence)
        for other in (*sentence[max(0, place - WINDOW) : place], *sentence[place + 1 : place + 1 + WINDOW])
    )
