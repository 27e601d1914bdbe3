"""What is measured: the pretraining steps, against whom, and the ratios that are promised. Data only.

Every case reads the same number of tokens a step, over a vocabulary of 32,000; BERT is scored at 15% of them, XLNet
at a sixth. Both sides drop out the same share. The peers are described in `peers.py`.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

Model = Literal["bert", "xlnet"]
Size = Literal["tiny", "mini", "small", "base"]
Peer = Literal["script", "script float32", "strongest", "product peak"]
"""Whom we are compared with: transformers as its example script drives it, in our precision or as it comes; the best
that we can make of it; or the machine itself, by the matrix products it does when it does nothing else."""

VOCABULARY = 32_000
PROCESSOR_TOKENS = 2048
GPU_TOKENS = 16_384


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    model: Model
    size: Size
    length: int
    """Slots of a row."""
    peer: Peer | None = None
    target: float | None = None
    """The ratio that we promise; absent: measured only."""
    quick: bool = False
    """Whether the short benchmark measures it too."""
    memory: int = 0
    """Slots remembered before each row; with it rows are a stream, and half of each goes on into the next memory."""
    dropout: float = 0.1
    """Of hidden values and of attention weights."""
    document: int | None = None
    """Mean length of the documents packed into a row; absent: every row is one document."""
    tokens: int = PROCESSOR_TOKENS
    """Read in one step."""
    vocabulary: int = VOCABULARY

    @property
    def rows(self) -> int:
        """Rows of a batch."""
        return self.tokens // self.length

    @property
    def name(self) -> str:
        """The case in words, unlike any other's."""
        parts = [f"{self.model} {self.size} L={self.length}"]
        parts += [f"memory {self.memory}"] if self.memory else []
        parts += [f"packed {self.document}"] if self.document else []
        parts += [] if self.dropout else ["no dropout"]
        return " ".join(parts) + (f" / {self.peer}" if self.peer else "")

    def cut(self) -> "Case":
        """Return the same case with almost nothing to do."""
        return dataclasses.replace(
            self, size="tiny", length=32, tokens=64, memory=min(self.memory, 24), vocabulary=512
        )


PROCESSOR_CASES = (
    Case("bert", "mini", 128, "script", quick=True),
    Case("bert", "mini", 512, "script"),
    Case("bert", "small", 128, "script", 2.5, quick=True),
    Case("bert", "small", 512, "script", 2.5),
    Case("bert", "small", 512, "script", dropout=0.0),
    Case("bert", "base", 128, "script"),
    Case("bert", "base", 512, "script"),
    Case("bert", "small", 128, "strongest", 1.2),
    Case("bert", "small", 512, "strongest", 1.2),
    Case("bert", "base", 512, "strongest", 1.2),
    Case("bert", "base", 512, "product peak", 0.6),
    Case("xlnet", "mini", 128, "script", 4.0, quick=True),
    Case("xlnet", "mini", 512, "script", 6.0),
    Case("xlnet", "mini", 512, "script", memory=384),
    Case("xlnet", "mini", 2048, "script"),
    Case("xlnet", "small", 128, "script", 4.0),
    Case("xlnet", "small", 512, "script", 6.0, quick=True),
    Case("xlnet", "small", 512, "script", dropout=0.0),
    Case("xlnet", "small", 512, "script", memory=384),
    Case("xlnet", "small", 2048, "script"),
    Case("xlnet", "base", 128, "script", 4.0),
    Case("xlnet", "base", 512, "script", 6.0),
    Case("xlnet", "mini", 512, "script float32", 11.0, quick=True),
    Case("xlnet", "small", 512, "script float32", 11.0),
    Case("xlnet", "small", 128, "strongest"),
    Case("xlnet", "small", 512, "strongest", 2.0, quick=True),
    Case("xlnet", "base", 512, "strongest", 2.0),
    Case("xlnet", "base", 512, "product peak", 0.6),
)

GPU_CASES = (
    Case("bert", "base", 128, "script", tokens=GPU_TOKENS),
    Case("bert", "base", 512, "script", tokens=GPU_TOKENS, quick=True),
    Case("bert", "base", 512, "strongest", tokens=GPU_TOKENS),
    Case("bert", "base", 512, "product peak", 0.4, document=200, tokens=GPU_TOKENS, quick=True),
    Case("bert", "base", 512, "product peak", tokens=GPU_TOKENS),
    Case("xlnet", "small", 512, "script", tokens=GPU_TOKENS),
    Case("xlnet", "base", 128, "script", tokens=GPU_TOKENS),
    Case("xlnet", "base", 512, "script", 4.0, tokens=GPU_TOKENS, quick=True),
    Case("xlnet", "base", 512, "script", memory=384, tokens=GPU_TOKENS),
    Case("xlnet", "base", 512, "script", dropout=0.0, tokens=GPU_TOKENS),
    Case("xlnet", "base", 2048, "script", tokens=GPU_TOKENS // 2),
    Case("xlnet", "base", 512, "strongest", tokens=GPU_TOKENS, quick=True),
    Case("xlnet", "base", 512, "product peak", tokens=GPU_TOKENS),
)
