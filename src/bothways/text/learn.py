"""Learning a vocabulary from text: WordPiece, Unigram, byte-level BPE or whole words, the same every time.

Unigram and whole words number their entries by falling frequency, after the special ones; the other two do not.

The WordPiece trainer of `tokenizers` numbers the `##` letters in the order of a randomly seeded hash map and
breaks ties by those numbers, so its vocabulary differs from run to run; here they are given to it beforehand,
in order. Unigram is in a file of its own.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import Field
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from bothways.config import Settings
from bothways.errors import DataError
from bothways.text.sample import count_characters, num_frequent_words, take_sample
from bothways.text.unigram import XLNET_SPECIALS, learn_unigram

SPECIALS = {
    "bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "mpnet": ("<s>", "<pad>", "</s>", "[UNK]", "<mask>"),
}
"""Ids 0 to 4 of a WordPiece vocabulary."""
_LEAST_AUTO = 512
"""No text is so small that fewer entries are tried (byte-level BPE needs 256 for the bytes)."""
_COVERAGE = 0.9999
"""Characters beyond this share of the text, the rarest, are left to the unknown token."""
CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")
"""One Chinese character: a word of its own to BERT's pre-tokenizer."""


class TokenizerSettings(Settings):
    """The tokenizer: learned from the training text, or an existing one."""

    kind: Literal["wordpiece", "unigram", "bpe", "word"] = "wordpiece"
    """BERT's WordPiece, XLNet's Unigram, RoBERTa's byte-level BPE, or whole words as spaces divide them (WikiText)."""
    vocabulary: Annotated[int, Field(ge=16)] | Literal["auto"] = "auto"
    """Entries, special tokens included; "auto": the published size, but no more entries than there are
    different words that occur at least 10 times in the training text (and at least 512)."""
    published_vocabulary: int = Field(default=30522, ge=16)
    """The size that "auto" never exceeds: the published model's."""
    lowercase: bool = False
    """Whether case (and, with WordPiece, accents) is removed, as in BERT's uncased models."""
    specials: Literal["bert", "mpnet"] = "bert"
    """WordPiece's special tokens, numbered in this order: BERT's [PAD], [UNK], [CLS], [SEP], [MASK], or MPNet's <s>,
    <pad>, </s>, [UNK], <mask>, because `transformers` takes token 1 of an MPNet for padding."""
    path: str | None = None
    """An existing tokenizer.json or Hugging Face folder, used instead of learning one."""


def train_tokenizer(texts: Iterable[str], settings: TokenizerSettings) -> Tokenizer:
    """Learn a tokenizer; at most 100 MB of the texts are used.

    Raises `DataError` if there is no text, or if `settings.vocabulary` is a number that it cannot fill.
    """
    sample = take_sample(texts)
    if not any(text.strip() for text in sample):
        raise DataError("cannot learn a vocabulary: the training text is empty; give data.train more text")
    wanted = vocabulary_goal(sample, settings)
    tokenizer = _LEARNERS[settings.kind](sample, wanted, settings)
    _check_size(tokenizer.get_vocab_size(), settings)
    return tokenizer


def vocabulary_goal(texts: list[str], settings: TokenizerSettings) -> int:
    """Return the vocabulary size to learn: the number the user set, or what "auto" means for these texts."""
    if settings.vocabulary != "auto":
        return settings.vocabulary
    supported = num_frequent_words(texts, settings.published_vocabulary, settings.lowercase)
    return min(settings.published_vocabulary, max(_LEAST_AUTO, supported))


def _check_size(size: int, settings: TokenizerSettings) -> None:
    wanted = settings.vocabulary
    if wanted == "auto" or size == wanted:
        return
    if size > wanted:
        raise DataError(
            f"tokenizer.vocabulary={wanted} is too small: special tokens and single letters alone are {size} entries; "
            f"set tokenizer.vocabulary={size} or more, or auto"
        )
    raise DataError(
        f"tokenizer.vocabulary={wanted} is larger than the text supports: it fills {size} entries; "
        f"set tokenizer.vocabulary={size} or less, or auto, or give more text"
    )


def _learn_wordpiece(texts: list[str], size: int, settings: TokenizerSettings) -> Tokenizer:
    specials = SPECIALS[settings.specials]
    tokenizer = wordpiece({}, settings.lowercase)
    characters = count_characters(texts)
    alphabet = _alphabet(_normalised(characters, tokenizer.normalizer), (size - len(specials)) // 2)
    inner = ["##" + letter for letter in alphabet if not _stands_alone(letter)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        special_tokens=[*specials, *inner],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return wordpiece(tokenizer.get_vocab(), settings.lowercase)


def wordpiece(vocabulary: dict[str, int], lowercase: bool) -> Tokenizer:
    """Return BERT's tokenizer with a vocabulary: its normaliser, its words, greedy longest pieces.

    MPNet's vocabulary holds BERT's special tokens too, as leftovers.
    """
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    specials = SPECIALS["mpnet" if "<pad>" in vocabulary else "bert"]
    tokenizer.add_special_tokens([token for token in specials if token in vocabulary])
    return tokenizer


def _learn_unigram(texts: list[str], size: int, settings: TokenizerSettings) -> Tokenizer:
    alphabet = _alphabet(count_characters(texts), (size - len(XLNET_SPECIALS)) // 2)
    return learn_unigram(texts, alphabet, size, settings.lowercase)


def _learn_bpe(texts: list[str], size: int, settings: TokenizerSettings) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    lower = [normalizers.Lowercase()] if settings.lowercase else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *lower])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(XLNET_SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _learn_words(texts: list[str], size: int, settings: TokenizerSettings) -> Tokenizer:
    """Learn the most frequent words; among equals the alphabet decides."""
    tokenizer = _whole_words({}, settings.lowercase)
    # Without special tokens, since the trainer would number one that stands in the text (WikiText's `<unk>`) twice.
    trainer = trainers.WordLevelTrainer(vocab_size=size, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    ranks = tokenizer.get_vocab()
    words = [word for word in sorted(ranks, key=ranks.__getitem__) if word not in XLNET_SPECIALS]
    entries = [*XLNET_SPECIALS, *words][:size]
    return _whole_words({entry: number for number, entry in enumerate(entries)}, settings.lowercase)


def _whole_words(vocabulary: dict[str, int], lowercase: bool) -> Tokenizer:
    """Return a tokenizer that divides text at spaces; special tokens are those of the vocabulary."""
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    lower = [normalizers.Lowercase()] if lowercase else []
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *lower])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([token for token in XLNET_SPECIALS if token in vocabulary])
    return tokenizer


def _alphabet(characters: Counter[str], most: int) -> list[str]:
    """Return the most frequent characters that cover the text, at most `most` of them, sorted."""
    covered = 0
    kept: list[str] = []
    for letter, count in sorted(characters.items(), key=lambda item: (-item[1], item[0])):
        if covered >= _COVERAGE * characters.total() or len(kept) >= most:
            break
        kept.append(letter)
        covered += count
    return sorted(kept)


def _normalised(characters: Counter[str], normalizer: normalizers.Normalizer) -> Counter[str]:
    counts: Counter[str] = Counter()
    for letter, count in characters.items():
        for part in normalizer.normalize_str(letter).split():
            counts.update(dict.fromkeys(part, count))
    return counts


def _stands_alone(letter: str) -> bool:
    """Whether BERT's pre-tokenizer makes this character a word of its own: punctuation and CJK."""
    is_ascii_mark = letter.isascii() and not letter.isalnum()
    return is_ascii_mark or unicodedata.category(letter)[0] == "P" or CJK.match(letter) is not None


_LEARNERS: dict[str, Callable[[list[str], int, TokenizerSettings], Tokenizer]] = {
    "wordpiece": _learn_wordpiece,
    "unigram": _learn_unigram,
    "bpe": _learn_bpe,
    "word": _learn_words,
}
FALLING = ("unigram", "word")
"""Kinds whose entries are numbered by falling frequency."""
