"""Tokenizers as files and as `Vocabulary`: load, lay out for BERT or XLNet, write for `transformers`.

"The same tokenizer" for BERT and XLNet means the same segmentation; what differs is the layout.
"""

import copy
import json
import re
import unicodedata
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer, processors

from bothways import files
from bothways.errors import DataError
from bothways.text.learn import TokenizerSettings, train_tokenizer, wordpiece
from bothways.vocabulary import Vocabulary

__all__ = [
    "Layout",
    "TokenizerSettings",
    "load_tokenizer",
    "train_tokenizer",
    "vocabulary_of",
    "with_layout",
    "write_tokenizer",
]

Layout = Literal["cls_first", "cls_last"]
"""`[CLS] A [SEP] B [SEP]`, types 0 0 0 1 1 (BERT), or `A <sep> B <sep> <cls>`, types 0 0 1 1 2, padded on the
left (XLNet)."""

_ROLES = {
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "cls": ("[CLS]", "<cls>", "<s>"),
    "sep": ("[SEP]", "<sep>", "</s>"),
    "mask": ("[MASK]", "<mask>"),
}
"""Names of the special tokens in published vocabularies, the preferred first (RoBERTa's CLS is `<s>`)."""

_CONTROL = re.compile(r"\[(?:PAD|UNK|CLS|SEP|MASK|unused\d+)\]|</?s>|<(?:unk|cls|sep|pad|mask|eod|eop)>")
_METASPACE = "▁"
_BYTE_SPACE = "Ġ"


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a tokenizer.json, or the tokenizer of a Hugging Face folder (tokenizer.json or BERT's vocab.txt).

    Padding and truncation that the file asks for are switched off. Raises `DataError` where there is none.
    """
    if not path.exists():
        raise DataError(f"no tokenizer at {path}: there is no such file or folder; give an existing one")
    tokenizer = _from_file(path) if path.is_file() else _from_folder(path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vocabulary_of(tokenizer)  # an unusable one is refused here
    return tokenizer


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """Find the special tokens by their names and where words begin; `DataError` if one is missing.

    A token starts a word if it is special or, by the kind of tokenizer: does not begin with `##` (WordPiece);
    begins with `▁` or is one mark of punctuation (Unigram); begins with `Ġ` or is one ASCII mark of
    punctuation (byte-level BPE, whose sentences are tokenized with a space before them); always (whole words).
    """
    ids = tokenizer.get_vocab(with_added_tokens=True)
    size = max(ids.values()) + 1
    tokens = [""] * size
    for token, number in ids.items():
        tokens[number] = token
    added = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    roles = {role: _find(role, names, ids, added) for role, names in _ROLES.items()}
    is_special = np.array(
        [i in added or _CONTROL.fullmatch(token) is not None for i, token in enumerate(tokens)]
    )
    mark = _word_mark(tokenizer)
    starts = np.array([_starts_word(token, mark) for token in tokens])
    return Vocabulary(
        size=size,
        **roles,
        end_of_document=ids.get("<eod>", roles["sep"]),
        is_special=is_special,
        starts_word=starts | is_special,
    )


def is_byte_level(tokenizer: Tokenizer) -> bool:
    """Whether words are marked by `Ġ`."""
    return _word_mark(tokenizer) == _BYTE_SPACE


def with_layout(tokenizer: Tokenizer, layout: Layout) -> Tokenizer:
    """Return a copy of the tokenizer that adds the special tokens of a layout."""
    vocabulary = vocabulary_of(tokenizer)
    cls, sep = (str(tokenizer.id_to_token(number)) for number in (vocabulary.cls, vocabulary.sep))
    single, pair = (
        (f"{cls} $A {sep}", f"{cls} $A {sep} $B:1 {sep}:1")
        if layout == "cls_first"
        else (f"$A {sep} {cls}:2", f"$A {sep} $B:1 {sep}:1 {cls}:2")
    )
    laid_out = copy.deepcopy(tokenizer)
    laid_out.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(cls, vocabulary.cls), (sep, vocabulary.sep)]
    )
    return laid_out


def write_tokenizer(
    tokenizer: Tokenizer,
    layout: Layout,
    folder: Path,
    max_length: int | None,
    *,
    has_segments: bool = True,
) -> None:
    """Write tokenizer.json and the tokenizer_config.json with which `transformers` uses it unchanged.

    Without the named class `transformers` rebuilds the tokenizer from the model's type and lower-cases.
    `max_length`: the longest input in tokens, special ones included; None: any. `has_segments`: whether the model knows
    the parts of a pair; without, the tokenizer must not tell them, which GPT-2 would read as tokens.
    """
    vocabulary = vocabulary_of(tokenizer)
    config: dict[str, Any] = {
        "tokenizer_class": "TokenizersBackend",
        "model_input_names": ["input_ids", *["token_type_ids"] * has_segments, "attention_mask"],
        "padding_side": "right" if layout == "cls_first" else "left",
        "truncation_side": "right",
        "clean_up_tokenization_spaces": False,
        **{f"{role}_token": tokenizer.id_to_token(getattr(vocabulary, role)) for role in _ROLES},
    }
    if max_length is not None:
        config["model_max_length"] = max_length
    files.write_text(folder / "tokenizer.json", with_layout(tokenizer, layout).to_str(pretty=True))
    files.write_json(folder / "tokenizer_config.json", config)


def _from_folder(folder: Path) -> Tokenizer:
    if (folder / "tokenizer.json").is_file():
        return _from_file(folder / "tokenizer.json")
    if (folder / "vocab.txt").is_file():
        return _from_bert_words(folder / "vocab.txt")
    if (folder / "spiece.model").is_file():
        raise DataError(
            f"{folder} has only spiece.model, which cannot be read as it is; load it once with transformers' "
            "AutoTokenizer and save_pretrained it to get a tokenizer.json"
        )
    raise DataError(
        f"no tokenizer in {folder}: it has no tokenizer.json or vocab.txt; give the folder that has one"
    )


def _from_file(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exceptions
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path} is not a tokenizer.json: {reason}; give one that tokenizers wrote"
        ) from error


def _from_bert_words(path: Path) -> Tokenizer:
    config = path.with_name("tokenizer_config.json")
    try:
        words = path.read_text(encoding="utf-8").split("\n")
        settings = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"the tokenizer in {path.parent} cannot be read: {error}; use another copy") from None
    vocabulary = {word.rstrip("\r"): number for number, word in enumerate(words) if word.strip()}
    has_capitals = any(word != word.lower() for word in vocabulary if not _CONTROL.fullmatch(word))
    return wordpiece(vocabulary, bool(settings.get("do_lower_case", not has_capitals)))


def _find(role: str, names: tuple[str, ...], ids: dict[str, int], special: set[int]) -> int:
    # What the tokenizer calls special goes first: MPNet pads with <pad>, and [PAD] is a leftover in its vocabulary.
    for name in sorted(names, key=lambda name: ids.get(name) not in special):
        if name in ids:
            return ids[name]
    raise DataError(
        f"the tokenizer has no {role} token: none of {', '.join(names)}; add one or use another tokenizer"
    )


def _word_mark(tokenizer: Tokenizer) -> str | None:
    """Return what marks words: `##` their inner pieces, `Ġ` or `▁` their beginnings; None: all tokens are words."""
    settings = json.loads(tokenizer.to_str())
    if settings["model"]["type"] == "WordLevel":
        return None
    if settings["model"]["type"] == "WordPiece":
        return str(settings["model"]["continuing_subword_prefix"])
    around = json.dumps([settings["pre_tokenizer"], settings["decoder"]])
    return _BYTE_SPACE if '"ByteLevel"' in around else _METASPACE


def _starts_word(token: str, mark: str | None) -> bool:
    if mark is None:
        return True
    if mark not in (_METASPACE, _BYTE_SPACE):
        return not token.startswith(mark)
    is_punctuation = len(token) == 1 and unicodedata.category(token)[0] in "PS"
    if mark == _BYTE_SPACE:
        # Other single characters stand for bytes, such as the second of an accented letter.
        is_punctuation = is_punctuation and token.isascii()
    return token.startswith(mark) or is_punctuation
