"""What every objective is: a way to corrupt rows, a loss on what was hidden, and a way to ask a trained model.

An objective says what a position may see and which positions are scored, in the integer vectors of a `Batch`; it
owns its heads and knows neither backbone nor format. To add one, write `corrupt` and `cloze` in a file of
its own and enter it in the table of `objectives/__init__.py`.
"""

import numpy as np
import torch
from torch import Tensor, nn

from bothways.batch import IGNORED, Batch, Examples, Loss, Losses, Memory
from bothways.config import Settings
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.model.initialise import initialise
from bothways.objectives.auxiliary import Auxiliary
from bothways.vocabulary import Vocabulary


class Objective(nn.Module):
    """Base of all objectives.

    `needs` names what the format and the backbone must offer; `answers` which measures are defined for it:
    `leave one out`, `joint spans`, `orders` (any order of tokens), `left to right`. `offers` says what auxiliary losses
    may build on: `both sides` (a slot knows the text around it), `hidden spans` (what is scored is hidden at its slot).
    """

    needs: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    offers: frozenset[str] = frozenset({"both sides"})
    answered_by: str | None = None
    """Who answers, if it is not the run's encoder; held-out numbers are labelled so."""
    answers_with: str = "head"
    """Which of the objective's parts `predict` uses: without its weights no question has an answer."""
    name: str
    settings: Settings
    """Its own kind of them; say which in the subclass."""

    def __init__(
        self, settings: Settings, vocabulary: Vocabulary, encoder: Encoder, extras: dict[str, Auxiliary]
    ) -> None:
        super().__init__()
        self.settings = settings
        self.vocabulary = vocabulary
        self.add_heads(encoder)
        self.extras = nn.ModuleDict(extras)

    def add_heads(self, encoder: Encoder) -> None:
        """Create what turns hidden states into predictions: a head over the vocabulary, unless it is said otherwise."""
        self.head = encoder.vocabulary_head()

    def initialise(self, deviation: float) -> None:
        """Draw every parameter that is the objective's own anew from torch's global generator."""
        initialise(self, deviation)

    def corrupt(self, examples: Examples, rng: np.random.Generator) -> Batch:
        """Hide part of the rows and say what is scored. Pure: all chance comes from `rng`."""
        raise NotImplementedError

    def cloze(self, examples: Examples, hidden: np.ndarray, asked: np.ndarray) -> Batch:
        """Ask for every slot of `asked` given all slots that are not `hidden` (bool [rows, slots] each).

        `asked` must lie within `hidden`; the scored positions are the asked slots in row-major order. Where rows ask
        for different numbers of slots, entries whose target is `IGNORED` may fill the shorter ones. An objective that
        answers `left to right` alone has no such question.
        """
        raise NotImplementedError

    def counts(self, batch: Batch) -> dict[str, int]:
        """Return how many items each part of the loss runs over; known before the forward pass, from a host's batch."""
        own = {self.name: int((batch.targets != IGNORED).sum())}
        return own | {name: extra.count(batch) for name, extra in self._extras()}

    def weights(self) -> dict[str, float]:
        """Return what each part's mean is multiplied by in the total."""
        return {self.name: 1.0} | {name: extra.weight for name, extra in self._extras()}

    def forward(
        self, encoder: Encoder, batch: Batch, memory: Memory | None = None
    ) -> tuple[Losses, Memory | None]:
        """Return the parts of the loss as sums, and the memory for the next rows."""
        hidden, memory = encoder(batch, memory, self.reads(batch))
        return self.losses(hidden, encoder.token_embedding, batch), memory

    def reads(self, batch: Batch) -> Tensor | None:
        """Return the queries whose hidden states `losses` looks at, int64 [rows, read]; None for all of them.

        The last layer computes only these. An objective with `losses` of its own has all, unless it says otherwise.
        """
        if batch.asked is None or type(self).losses is not Objective.losses:
            return None
        return torch.cat([batch.asked, *(extra.reads(batch) for _, extra in self._extras())], dim=1)

    def losses(self, hidden: Tensor, embedding: Tensor, batch: Batch) -> Losses:
        """Score `hidden` [rows, slots + probes, width] against the targets; only scored rows meet the head.

        Queries that `reads` left out are not numbers.
        """
        nats = self.head.nats(hidden.flatten(0, 1)[batch.scored], embedding, batch.targets)
        own = {self.name: Loss(nats)}
        return own | {name: extra.loss(hidden, embedding, batch) for name, extra in self._extras()}

    def predict(self, encoder: Encoder, batch: Batch, memory: Memory | None = None) -> Tensor:
        """Return log-probabilities [scored, vocabulary], float32 or better, for a `cloze` or `left_to_right` batch."""
        hidden, _ = encoder(batch, memory, batch.asked)
        return self.log_probabilities(hidden, encoder.token_embedding, batch)

    def log_probabilities(self, hidden: Tensor, embedding: Tensor, batch: Batch) -> Tensor:
        """Return those that the states `hidden` [rows, slots + probes, width] give, [scored, vocabulary]."""
        logits = self.head(hidden.flatten(0, 1)[batch.scored], embedding)
        return torch.log_softmax(at_least_float32(logits), dim=-1)

    def _extras(self) -> list[tuple[str, Auxiliary]]:
        return list(self.extras.items())  # type: ignore[arg-type]
