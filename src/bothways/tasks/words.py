"""Words one by one as tokens, as a pretrained tokenizer meets them in running text.

Running text has a space before a word, which `▁` and `Ġ` stand for in the vocabularies of XLNet and RoBERTa; files of
words do not say where there was none, before a comma for instance, so it is always given. Only between Chinese
characters there is none, so a mark that stands alone is taken off there. What cannot be had again: a Unigram vocabulary
may have read two characters as one token, but each has a label of its own.
"""

from collections.abc import Sequence

from bothways.tasks.rows import Reader
from bothways.text.learn import CJK


def word_tokens(words: Sequence[str], reader: Reader) -> list[list[int]]:
    """Return the tokens of each word; one that the tokenizer turns into nothing is the unknown token."""
    texts = [f" {word}" for word in words]
    tokens = [each.ids for each in reader.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    marks = {reader.tokenizer.token_to_id(mark) for mark in "▁Ġ"}
    for number in range(1, len(words)):
        if (
            len(tokens[number]) > 1
            and tokens[number][0] in marks
            and _run_on(*words[number - 1 : number + 1])
        ):
            tokens[number] = tokens[number][1:]
    return [each or [reader.vocabulary.unk] for each in tokens]


def _run_on(before: str, word: str) -> bool:
    """Say whether running text has no space between two words."""
    return CJK.match(before[-1]) is not None and CJK.match(word) is not None
