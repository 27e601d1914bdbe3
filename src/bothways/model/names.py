"""Tables of parameter names: ours ↔ those of a Hugging Face folder.

A table lists (ours, theirs, layout); `{i}` stands for a layer's number. Layouts say how the same numbers are
arranged on the other side. A name of ours that no row matches has no place there and is kept beside.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Layout = Literal["same", "heads_out", "heads_in", "vector"]


@dataclass(frozen=True)
class Names:
    """The rows of one backbone's table; the first match wins."""

    rows: tuple[tuple[str, str, Layout], ...]

    def theirs(self, name: str) -> tuple[str, Layout] | None:
        """Return their name and layout for one of ours."""
        return self._find(name, ours=0, theirs=1)

    def ours(self, name: str) -> tuple[str, Layout] | None:
        """Return our name and its layout for one of theirs."""
        return self._find(name, ours=1, theirs=0)

    def _find(self, name: str, ours: int, theirs: int) -> tuple[str, Layout] | None:
        for row in self.rows:
            match = re.fullmatch(re.escape(row[ours]).replace(r"\{i\}", r"(\d+)"), name)
            if match:
                number = match.group(1) if match.groups() else ""
                return row[theirs].replace("{i}", number), row[2]
        return None


def to_theirs(tensor: Tensor, layout: Layout, heads: int) -> Tensor:
    """Arrange one of our tensors as a Hugging Face folder holds it."""
    return _TO_THEIRS[layout](tensor, heads).contiguous()


def to_ours(tensor: Tensor, layout: Layout, heads: int) -> Tensor:
    """Undo `to_theirs`."""
    return _TO_OURS[layout](tensor, heads).contiguous()


_TO_THEIRS: dict[Layout, Callable[[Tensor, int], Tensor]] = {
    "same": lambda tensor, _: tensor,
    # a linear map [heads * D, width] as XLNet stores it: [width, heads, D]
    "heads_out": lambda tensor, heads: tensor.t().unflatten(1, (heads, -1)),
    # a linear map [width, heads * D] stored as [width, heads, D]
    "heads_in": lambda tensor, heads: tensor.unflatten(1, (heads, -1)),
    # a vector [width] stored as [1, 1, width]
    "vector": lambda tensor, _: tensor[None, None],
}

_TO_OURS: dict[Layout, Callable[[Tensor, int], Tensor]] = {
    "same": lambda tensor, _: tensor,
    "heads_out": lambda tensor, _: tensor.flatten(1).t(),
    "heads_in": lambda tensor, _: tensor.flatten(1),
    "vector": lambda tensor, _: tensor[0, 0],
}
