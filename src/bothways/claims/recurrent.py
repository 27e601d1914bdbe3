"""A recurrent network in an encoder's place: an LSTM that any objective which reads from left to right can train.

Hochreiter & Schmidhuber 1997. What it knows of the text before a token is one state, carried from token to token.
"""

from typing import cast

import torch
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.claims.trial import Trial
from bothways.config import Settings
from bothways.model.encoder import Encoder
from bothways.model.heads import VocabularyHead
from bothways.model.settings import EncoderSettings
from bothways.objectives import build_objective
from bothways.vocabulary import Vocabulary


class Recurrent(nn.Module):
    """Token embeddings and an LSTM as wide; it reads slots in their order and keeps nothing between rows."""

    def __init__(self, settings: EncoderSettings, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.settings = settings
        self.size = vocabulary.size
        self.tokens = nn.Embedding(vocabulary.size, settings.width)
        self.network = nn.LSTM(settings.width, settings.width, settings.layers, batch_first=True)

    @property
    def token_embedding(self) -> Tensor:
        """Return float [vocabulary, width], shared with the vocabulary head."""
        return self.tokens.weight

    def vocabulary_head(self) -> VocabularyHead:
        """Return a fresh head over the vocabulary."""
        return VocabularyHead(self.size)

    def forward(
        self, batch: Batch, memory: Memory | None = None, _wanted: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """Return the states [rows, slots, width]; all of them, whichever are wanted. Raise `ValueError` for memory."""
        if memory is not None:
            raise ValueError("this network keeps no memory between rows")
        hidden: Tensor = self.network(self.tokens(batch.tokens))[0]
        return hidden, None


def begin_recurrent(
    settings: EncoderSettings, objective: Settings, vocabulary: Vocabulary, seed: int
) -> Trial:
    """Build an LSTM of the width and depth of `settings` with weights drawn from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Recurrent(settings, vocabulary)
        nn.init.normal_(network.tokens.weight, std=settings.initial_deviation)
        _remember_at_first(network.network)
        # No Encoder, but all that an objective asks of one: settings, embedding, head and states.
        return Trial(network, build_objective(objective, [], vocabulary, cast(Encoder, network)))


@torch.no_grad()
def _remember_at_first(network: nn.LSTM) -> None:
    """Open every forget gate by a bias of 1, as is usual: an LSTM then begins by remembering (Gers et al. 2000)."""
    for name, bias in network.named_parameters():
        if name.startswith("bias"):
            # Two biases a layer, which are added, each over the input, forget, cell and output gates in turn.
            forget = slice(network.hidden_size, 2 * network.hidden_size)
            bias[forget] = 1.0 if name.startswith("bias_ih") else 0.0
