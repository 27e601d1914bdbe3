"""ELECTRA's generator: a small masked model that reads the embeddings of the encoder it writes for.

Clark et al. 2020, section 3.1: all embeddings are shared, whatever they are made of (tokens, positions, segments, their
normalisation), and a linear map leads from their width to the generator's. So it goes with any backbone: the encoder
is one of the same kind and depth, fewer heads wide, without embeddings of its own, and a vocabulary head leads back to
their width and to the shared table of tokens.
"""

import torch
from torch import Tensor, nn

from bothways.batch import Batch, Memory
from bothways.model.backbones import build_encoder
from bothways.model.blocks import ACTIVATIONS
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.model.heads import Transform, VocabularyHead
from bothways.model.initialise import initialise
from bothways.objectives.masked import Masked, MaskingSettings
from bothways.vocabulary import Vocabulary


class Generator(nn.Module):
    """A whole masked model but for its embeddings, which are those of a `host`."""

    def __init__(
        self, settings: MaskingSettings, share: float, vocabulary: Vocabulary, host: Encoder
    ) -> None:
        super().__init__()
        self.encoder = narrow_encoder(host, share, vocabulary)
        self.objective = Masked(settings, vocabulary, self.encoder, {})
        self.forbidden = nn.Buffer(torch.from_numpy(vocabulary.is_special.copy()), persistent=False)

    def forward(
        self, host: Encoder, batch: Batch, memory: Memory | None = None
    ) -> tuple[Tensor, Memory | None]:
        """Return the hidden states of what is asked [rows, slots, width], others not numbers; and its own memory."""
        return self.encoder.contextualise(host.embeddings(batch), batch, memory, batch.asked)

    def answer(self, hidden: Tensor, embedding: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed cross entropy of `targets` int64 [scored], and a token drawn for each, int64 [scored].

        `hidden` [scored, width] are the states there, `embedding` [vocabulary, embedding width]. Drawing reads the
        scores of the same pass and has no gradient.
        """
        drawn = torch.empty_like(targets)

        def draw(rows: slice, logits: Tensor) -> None:
            drawn[rows] = self.draw(logits)

        assert isinstance(self.objective.head, VocabularyHead)
        return self.objective.head.nats(hidden, embedding, targets, draw), drawn

    @torch.no_grad()
    def draw(self, logits: Tensor) -> Tensor:
        """Draw a token from each distribution of `logits` [rows, vocabulary], int64 [rows].

        Special tokens are never drawn, which the released code may do. The inverse of the distribution function takes
        one random number a token, from torch's global generator.
        """
        allowed = at_least_float32(logits).masked_fill(self.forbidden, -torch.inf)
        cumulative = allowed.softmax(-1).cumsum(-1)
        total = cumulative[:, -1:]
        # Rounding up to the total would choose behind the end of the vocabulary.
        drawn = torch.minimum(torch.rand_like(total) * total, torch.nextafter(total, torch.zeros_like(total)))
        return torch.searchsorted(cumulative, drawn, right=True)[:, 0]


def narrow_encoder(host: Encoder, share: float, vocabulary: Vocabulary) -> Encoder:
    """Build an encoder like `host`, about `share` as wide, that is to `contextualise` what `host` has embedded."""
    settings = host.settings.narrowed(share)
    given = host.token_embedding.shape[1]
    encoder = build_encoder(settings, vocabulary)
    encoder.embeddings = nn.Identity()
    encoder.projection = nn.Identity() if given == settings.width else nn.Linear(given, settings.width)
    initialise(encoder.projection, settings.initial_deviation)

    def head() -> VocabularyHead:
        activation = ACTIVATIONS[settings.activation]
        return VocabularyHead(
            vocabulary.size, Transform(given, activation, settings.norm_epsilon, settings.width)
        )

    encoder.vocabulary_head = head
    return encoder
