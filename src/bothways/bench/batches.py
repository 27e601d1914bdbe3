"""From rows of token ids to what a model needs: our objectives beside the data collators of transformers.

Both sides begin with text that is already numbered: ours with `Examples` of NumPy arrays, as a format hands them
over, a collator with a list of dictionaries of Python lists, as a data set of Hugging Face does. Both end with the
tensors of a training step. What costs Python a fixed time per batch is shared by more rows in a larger one, so two
sizes are measured: what a step on a processor reads, and what a step on a GPU does, which waits for its batches.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bothways.batch import Examples
from bothways.bench.cases import GPU_TOKENS, PROCESSOR_TOKENS, VOCABULARY
from bothways.bench.measure import Contest, Side
from bothways.bench.peers import import_transformers
from bothways.model.backbones import BACKBONES, build_encoder
from bothways.objectives import OBJECTIVES, build_objective
from bothways.objectives.base import Objective
from bothways.vocabulary import Vocabulary

LENGTHS = (128, 512)
TARGETS = {
    PROCESSOR_TOKENS: {"masked": 8.0, "whole word": 10.0, "permutation": 20.0},
    GPU_TOKENS: {"masked": 12.0, "whole word": 15.0, "permutation": 20.0},
}
"""How many times the collator's speed we promise, by the tokens of a batch."""
BATCHES = {
    PROCESSOR_TOKENS: {"masked": 288, "whole word": 152, "permutation": 112},
    GPU_TOKENS: {"masked": 72, "whole word": 38, "permutation": 28},
}
"""Batches of a call, of which ours take 20 ms or more."""
CONTINUED = 0.25
"""Share of tokens that go on with a word, as in English at this vocabulary."""
PAD, UNK, CLS, SEP, MASK = range(5)
_OBJECTIVES: dict[str, tuple[str, dict[str, Any]]] = {
    "masked": ("masked", {"select": "token"}),
    "whole word": ("masked", {"select": "word"}),
    "permutation": ("permutation", {"one_in": 6}),
}

Row = dict[str, list[Any]]
Collator = Callable[[list[Row]], dict[str, Any]]


def batch_contests(quick: bool) -> list[Contest]:
    """Return the contests in examples/s; where it must be quick, rows of 512 slots only.

    Raises `UsageError` where transformers is not installed.
    """
    import_transformers()
    lengths = LENGTHS[-1:] if quick else LENGTHS
    return [
        batch_contest(name, length, tokens)
        for tokens, targets in TARGETS.items()
        for name in targets
        for length in lengths
    ]


def batch_contest(name: str, length: int, tokens: int) -> Contest:
    """Return the contest of one objective (a name of `TARGETS`) on batches of `tokens` in rows of `length`."""
    text = draw_text(tokens // length, length)
    examples = stream_rows(text) if name == "permutation" else single_rows(text)
    objective, collate = make_objective(name), make_collator(name)
    features = rows_for_collator(examples, with_words=name == "whole word")
    generator = np.random.Generator(np.random.Philox(key=0))
    batches = BATCHES[tokens][name]

    def ours() -> None:
        for _ in range(batches):
            objective.corrupt(examples, generator)

    def theirs() -> None:
        for _ in range(batches):
            collate(features)

    title = f"batch {name} L={length}" + (f" × {len(text)}" if tokens != PROCESSOR_TOKENS else "")
    target = TARGETS[tokens][name]
    return Contest(title, batches * len(text), "examples/s", Side(ours), Side(theirs), target)


def make_objective(name: str) -> Objective:
    """Return our objective; the model is as small as can be, since `corrupt` never meets it."""
    vocabulary = make_vocabulary()
    shape: dict[str, Any] = {"layers": 1, "width": 8, "heads": 1, "feed_forward": 8}
    encoder = build_encoder(BACKBONES["transformer_xl"][0](**shape), vocabulary)
    kind, values = _OBJECTIVES[name]
    return build_objective(OBJECTIVES[kind][0](**values), [], vocabulary, encoder)


def make_collator(name: str) -> Collator:
    """Return the peer's collator at the same rates; it masks every whole word it chooses, and swaps none."""
    transformers, tokenizer = import_transformers(), _peer_tokenizer()
    if name == "permutation":
        return transformers.DataCollatorForPermutationLanguageModeling(
            tokenizer, plm_probability=1 / 6, max_span_length=5
        )
    with warnings.catch_warnings():
        # It warns that it knows no random replacements when words are whole.
        warnings.simplefilter("ignore", UserWarning)
        return transformers.DataCollatorForLanguageModeling(
            tokenizer, whole_word_mask=name == "whole word", seed=0
        )


def _peer_tokenizer() -> Any:
    """Return a fast tokenizer of the same size and special ids; collators ask it for nothing else."""
    from tokenizers import Tokenizer, models

    ids = {f"token{number}": number for number in range(VOCABULARY)}
    special = {"pad": PAD, "unk": UNK, "cls": CLS, "sep": SEP, "mask": MASK}
    return import_transformers().PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(ids, unk_token=f"token{UNK}")),
        **{f"{name}_token": f"token{number}" for name, number in special.items()},
    )


def make_vocabulary() -> Vocabulary:
    """Return five special ids, then tokens of which the last quarter go on with a word."""
    ids = np.arange(VOCABULARY)
    starts = ids < VOCABULARY * (1 - CONTINUED)
    return Vocabulary(VOCABULARY, PAD, UNK, CLS, SEP, MASK, SEP, is_special=ids <= MASK, starts_word=starts)


def draw_text(rows: int, length: int) -> np.ndarray:
    """Return random ordinary tokens, int32 [rows, length], the same every time."""
    return np.random.default_rng(0).integers(MASK + 1, VOCABULARY, (rows, length)).astype(np.int32)


def single_rows(text: np.ndarray) -> Examples:
    """Lay out `[CLS] text [SEP]` over tokens int32 [rows, length]."""
    tokens = text.copy()
    tokens[:, 0], tokens[:, -1] = CLS, SEP
    positions = np.tile(np.arange(tokens.shape[1], dtype=np.int32), (len(tokens), 1))
    return Examples(tokens, np.zeros_like(tokens), positions)


def stream_rows(text: np.ndarray) -> Examples:
    """Lay out `[reuse] A [SEP] B [SEP] [CLS]` as the format `stream` does; every other row is read backward."""
    tokens = text.copy()
    rows, length = tokens.shape
    cut = length * 3 // 4
    tokens[:, [cut, -2]] = SEP
    tokens[:, -1] = CLS
    segments = np.tile((np.arange(length) > cut).astype(np.int32), (rows, 1))
    segments[:, -1] = 2
    positions = np.where(np.arange(rows) % 2, -1, 1)[:, None] * np.arange(length)
    return Examples(
        tokens,
        segments,
        positions.astype(np.int32),
        np.zeros_like(tokens),
        second_block=length // 2,
        carry=length // 2,
        labels=np.arange(rows) % 2,
    )


def rows_for_collator(examples: Examples, *, with_words: bool) -> list[Row]:
    """Return the rows as a tokenizer leaves them for a collator.

    `with_words` adds each token's place in the text, from which the collator tells words: a space lies between them.
    A mask of the special tokens, which could be added too, makes the collators of transformers 5.23 no faster.
    """
    rows: list[Row] = [{"input_ids": ids} for ids in examples.tokens.tolist()]
    if with_words:
        vocabulary = make_vocabulary()
        begins = np.cumsum(1 + vocabulary.starts_word[examples.tokens], axis=1)
        places = np.stack([begins, begins + 1], axis=-1)
        places[vocabulary.is_special[examples.tokens]] = 0
        for row, row_places in zip(rows, places.tolist(), strict=True):
            row["offset_mapping"] = row_places
    return rows
