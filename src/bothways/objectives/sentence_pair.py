"""Does B continue A? An auxiliary loss on the CLS state, added to any objective that reads pairs.

Next sentence prediction (Devlin et al. 2019, section 3.1): B is the true continuation or comes from another
document. Sentence order (Lan et al. 2020, section 3.1): A and B are consecutive, perhaps swapped. Which of the two
is decided by the format that lays out the pairs; the loss is the same.
"""

from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from bothways.batch import Batch, Loss
from bothways.config import Settings
from bothways.model.dtypes import at_least_float32
from bothways.model.encoder import Encoder
from bothways.model.heads import PairHead
from bothways.objectives.auxiliary import Auxiliary
from bothways.vocabulary import Vocabulary


class SentencePairSettings(Settings):
    """The pair loss."""

    kind: Literal["sentence_pair"] = "sentence_pair"
    weight: float = Field(default=1.0, ge=0)
    """What the mean pair loss is multiplied by before it is added."""


class SentencePair(Auxiliary):
    """Cross entropy of the pair label, from the hidden state at CLS."""

    needs = frozenset({"pair labels", "both sides"})

    def __init__(self, settings: SentencePairSettings, vocabulary: Vocabulary, encoder: Encoder) -> None:
        super().__init__(settings.weight)
        self.cls = vocabulary.cls
        self.head = PairHead(encoder.settings.width)

    def count(self, batch: Batch) -> int:
        """Return the number of labelled pairs."""
        return 0 if batch.labels is None else len(batch.labels)

    def reads(self, batch: Batch) -> Tensor:
        """Return where CLS stands, int64 [rows, 1]."""
        return (batch.tokens == self.cls).int().argmax(dim=1, keepdim=True)

    def loss(self, hidden: Tensor, embedding: Tensor, batch: Batch) -> Loss:  # noqa: ARG002 -- not for its labels
        """Score `hidden` [rows, slots + probes, width] at each row's CLS."""
        if batch.labels is None:
            raise ValueError("sentence_pair needs a format that labels pairs")
        at_cls = self.reads(batch)[:, :, None].expand(-1, -1, hidden.shape[2])
        logits = self.head(hidden.gather(1, at_cls)[:, 0])
        nats = F.cross_entropy(at_least_float32(logits), batch.labels, reduction="sum")
        return Loss(nats, self.weight)
