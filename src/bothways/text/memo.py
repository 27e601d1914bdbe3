"""Sentences to tokens, each different word tokenized only once.

Natural text repeats its words: of thirty megabytes of English, one word in eighteen is new. A sentence's tokens are
those of its words, one after another, where the tokenizer cuts at spaces before anything else and nothing reaches
across them (`cuts_at_spaces`). Then a word is a number, and the tokens of half a megabyte are gathered by
array operations, without a Python integer for each. Other tokenizers, and sentences with odd spaces, go whole: a
sentence is then one long "word". The price: some 70 MB a process for the words, forgotten when there are too many.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice

import numpy as np
from tokenizers import Tokenizer

from bothways.text.indexed import Encoded, token_type
from bothways.text.sentences import split_sentences
from bothways.text.unigram import unigram

_MOST_WORDS = 2**18
_MOST_CHARACTERS = 2**23
"""More than either of these and the words are forgotten; checked before every call."""
_LONG_CHARACTERS = 20
"""Words that are longer on average, sentences without spaces, are tokenized one by one: by then that is faster."""
_WORD_MARK = "▁"
"""Stands for a space in Unigram's words; in the text itself it would be taken for one."""
_NEIGHBOURLY = frozenset({"NFC", "NFD", "Lowercase", "StripAccents"})
"""Normalisers that never move anything across a space, nor make one."""


@dataclass(frozen=True)
class Scheme:
    """How sentences become tokens: what a worker process is told."""

    tokenizer: str
    """The content of a tokenizer.json."""
    vocabulary_size: int
    prefix: str
    """What is put before a sentence: a byte-level tokenizer knows a word's beginning by the space before it."""
    cuts_at_spaces: bool


def encode(scheme: Scheme, texts: list[str]) -> Encoded:
    """Split texts into sentences and tokenize them (runs in a worker)."""
    sentences = [split_sentences(text) for text in texts]
    tokens, lengths = _memo(scheme).encode(list(chain.from_iterable(sentences)))
    # A sentence may have no token at all, such as a lone accent that the normaliser removes.
    owner = np.repeat(np.arange(len(texts)), [len(found) for found in sentences])[lengths > 0]
    counts = np.bincount(owner, minlength=len(texts))
    return Encoded(tokens, lengths[lengths > 0], counts[counts > 0].astype(np.int64))


def forget() -> None:
    """Free the words that `encode` remembers in this process."""
    _memo.cache_clear()


def cuts_at_spaces(tokenizer: Tokenizer) -> bool:
    """Whether a plain sentence's tokens are certain to be its words' tokens, one after another.

    So for the tokenizers that are learned here, and for BERT's and RoBERTa's; any other is refused.
    """
    settings = json.loads(tokenizer.to_str())
    # An added token may hold spaces. Special ones do not count: they are not looked for in text.
    if any(not token["special"] for token in settings["added_tokens"]) or settings["model"].get("dropout"):
        return False
    normaliser, words = settings["normalizer"], settings["pre_tokenizer"]
    match (words or {}).get("type"):
        case "BertPreTokenizer":
            return normaliser is None or normaliser["type"] in {"BertNormalizer", *_NEIGHBOURLY}
        case "ByteLevel" | "WhitespaceSplit":
            parts = (normaliser or {}).get("normalizers", [normaliser] if normaliser else [])
            return words.get("use_regex", True) and all(part["type"] in _NEIGHBOURLY for part in parts)
    ours = (json.loads(unigram([], lowercase).to_str()) for lowercase in (False, True))
    return any((normaliser, words) == (known["normalizer"], known["pre_tokenizer"]) for known in ours)


class _Numbers(dict[str, int]):
    """Words by number; a word that is looked up for the first time gets the next one."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


class WordMemo:
    """A tokenizer that remembers the tokens of every word it has met."""

    def __init__(self, scheme: Scheme) -> None:
        self._tokenizer = Tokenizer.from_str(scheme.tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # "[MASK]" in a text is five words, not the token.
        self._tokenizer.encode_special_tokens = True
        self._scheme = scheme
        self._forget()

    def _forget(self) -> None:
        self._numbers = _Numbers()
        self._num_characters = 0
        # The tokens of word i are tokens[starts[i] : starts[i + 1]].
        self._tokens = np.zeros(0, token_type(self._scheme.vocabulary_size))
        self._starts = np.zeros(1, np.int64)

    def encode(self, sentences: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the tokens of all sentences, uint16 or int32 [tokens], and each one's length, int32 [sentences].

        Sentences have no outer space and are not empty.
        """
        if len(self._numbers) > _MOST_WORDS or self._num_characters > _MOST_CHARACTERS:
            self._forget()
        words = [self._words(sentence) for sentence in sentences]
        num_words = np.fromiter(map(len, words), np.int64, len(words))
        known = len(self._numbers)
        looked_up = map(self._numbers.__getitem__, chain.from_iterable(words))
        numbers = np.fromiter(looked_up, np.int64, int(num_words.sum()))
        self._learn(islice(self._numbers, known, None))
        counts = self._starts[numbers + 1] - self._starts[numbers]
        ends = np.concatenate([[0], np.cumsum(counts)])
        places = np.arange(ends[-1]) + np.repeat(self._starts[numbers] - ends[:-1], counts)
        last_words = np.concatenate([[0], np.cumsum(num_words)])
        return self._tokens[places], np.diff(ends[last_words]).astype(np.int32)

    def _words(self, sentence: str) -> list[str]:
        # Of white space, only single ASCII spaces are printable and come alone.
        is_plain = sentence.isprintable() and "  " not in sentence and _WORD_MARK not in sentence
        return sentence.split(" ") if is_plain and self._scheme.cuts_at_spaces else [sentence]

    def _learn(self, words: Iterable[str]) -> None:
        new = [self._scheme.prefix + word for word in words]
        if not new:
            return
        num_characters = sum(map(len, new))
        self._num_characters += num_characters
        are_long = num_characters > _LONG_CHARACTERS * len(new)
        tokens, counts = (self._one_by_one if are_long else self._together)(new)
        self._tokens = np.concatenate([self._tokens, tokens], dtype=self._tokens.dtype, casting="unsafe")
        self._starts = np.concatenate([self._starts, self._starts[-1] + np.cumsum(counts)])

    def _together(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return tokens and their number in each word; nothing is made for each word, but offsets for each token."""
        row = self._tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
        return np.array(row.ids), np.bincount(np.array(row.word_ids, np.int64), minlength=len(words))

    def _one_by_one(self, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
        rows = [row.ids for row in self._tokenizer.encode_batch_fast(words, add_special_tokens=False)]
        return np.fromiter(chain.from_iterable(rows), np.int64), np.fromiter(map(len, rows), np.int64)


@lru_cache(maxsize=1)
def _memo(scheme: Scheme) -> WordMemo:
    return WordMemo(scheme)
