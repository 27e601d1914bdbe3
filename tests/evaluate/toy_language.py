"""A model that knows the exact joint distribution of six tokens, so every number can be checked."""

import itertools
from types import SimpleNamespace

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn

from bothways.batch import Batch
from bothways.evaluate.asking import Subject
from bothways.vocabulary import Vocabulary

LENGTH = 6
PAD, UNK, CLS, SEP, MASK = range(5)
ORDINARY = (5, 6, 7)
VOCABULARY = Vocabulary(
    size=8,
    pad=PAD,
    unk=UNK,
    cls=CLS,
    sep=SEP,
    mask=MASK,
    end_of_document=SEP,
    is_special=np.arange(8) < 5,
    starts_word=np.arange(8) != 7,
)


class ToyEncoder(nn.Module):
    """Passes tokens through, and remembers how many it has seen."""

    def __init__(self, offers=frozenset(), memory_length=0, max_positions=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.offers = offers
        self.memory_length = memory_length
        self.settings = SimpleNamespace(max_positions=max_positions)


class ToyObjective(nn.Module):
    """Answers from a table of joint probabilities, shape (3,) * 6 over the ordinary tokens."""

    answered_by = None

    def __init__(self, answers=("leave one out", "joint spans", "orders", "left to right")):
        super().__init__()
        self.answers = frozenset(answers)
        self.table = np.random.default_rng(0).dirichlet(np.full(len(ORDINARY) ** LENGTH, 0.3))
        self.table = self.table.reshape((len(ORDINARY),) * LENGTH)
        self.rows_asked = 0
        self.modes = set()

    def cloze(self, examples, hidden, asked):
        return _batch(examples, np.where(hidden, MASK, examples.tokens), asked)

    def left_to_right(self, examples):
        ordinary = ~VOCABULARY.is_special[examples.tokens]
        return self.in_order(examples, np.where(ordinary, np.cumsum(ordinary, axis=1), 0))

    def in_order(self, examples, ranks):
        return _batch(examples, examples.tokens, ranks > 0, ranks)

    def predict(self, _encoder, batch, _memory=None):
        self.modes.add((self.training, torch.is_grad_enabled()))
        self.rows_asked += len(batch.tokens)
        slots = batch.tokens.shape[1]
        answers = [
            self.conditional(_text(batch, flat // slots, flat % slots)) for flat in batch.scored.tolist()
        ]
        return torch.log(torch.tensor(np.array(answers))).float()

    def conditional(self, text_and_asked):
        """Return the probabilities [vocabulary] of the asked position; None is hidden."""
        text, asked = text_and_asked
        shown = self.table[tuple(slice(None) if token is None else token - 5 for token in text)]
        axes = [position for position, token in enumerate(text) if token is None]
        others = tuple(axis for axis, position in enumerate(axes) if position != asked)
        marginal = shown.sum(axis=others)
        probabilities = np.full(VOCABULARY.size, 1e-30)
        probabilities[list(ORDINARY)] = marginal / marginal.sum()
        return probabilities

    def joint(self, text, positions):
        """Return -log p(text at `positions` | the rest)."""
        index = [token - 5 for token in text]
        given = self.table[tuple(slice(None) if p in positions else index[p] for p in range(LENGTH))]
        return -np.log(self.table[tuple(index)] / given.sum())

    def marginal(self, text, positions, asked):
        """Return -log p(text at `asked` | the rest without `positions`)."""
        shown = [None if position in positions else token for position, token in enumerate(text)]
        return -np.log(self.conditional((shown, asked))[text[asked]])


def toy_subject(layout="cls_first", objective=None, **encoder):
    return Subject(ToyEncoder(**encoder), objective or ToyObjective(), VOCABULARY, layout)


def toy_tokenizer():
    """The language in writing: red, blue, and the ending of a plural."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "##s"]
    built = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    built.add_special_tokens(words[:5])
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.decoder = decoders.WordPiece()
    return built


def toy_windows(count, seed=1):
    """Windows that begin with a word, as held-out windows do."""
    drawn = np.random.default_rng(seed).choice(ORDINARY, size=(count, LENGTH))
    drawn[:, 0] = 5
    return [row.astype(np.int32) for row in drawn]


def every_sequence():
    return itertools.product(ORDINARY, repeat=LENGTH)


def _batch(examples, shown, asked, ranks=None):
    return Batch(
        tokens=torch.from_numpy(shown.astype(np.int64)),
        segments=torch.from_numpy(examples.segments.astype(np.int64)),
        positions=torch.from_numpy(examples.positions.astype(np.int64)),
        scored=torch.from_numpy(np.flatnonzero(asked)),
        targets=torch.from_numpy(examples.tokens[asked].astype(np.int64)),
        enters=None if ranks is None else torch.from_numpy(ranks),
        carry=examples.carry,
    )


def _text(batch, row, slot):
    """Return the text of a row (None where hidden, at the asked slot too) and the asked position in it."""
    tokens = batch.tokens[row].tolist()
    places = [index for index, token in enumerate(tokens) if token not in (PAD, CLS, SEP)]
    ranks = [0] * len(tokens) if batch.enters is None else batch.enters[row].tolist()
    text = [
        None if place == slot or tokens[place] == MASK or ranks[place] > ranks[slot] else tokens[place]
        for place in places
    ]
    return text + [None] * (LENGTH - len(text)), places.index(slot)
