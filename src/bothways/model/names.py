"""Tables of parameter names: ours ↔ those of a Hugging Face folder.

A table lists (ours, theirs, layout); `{i}` stands for a layer's number. Layouts say how the same numbers are
arranged on the other side. `NAME[0]`, `NAME[1]`, `NAME[2]` are the thirds of a tensor that holds three of ours side by
side along its last dimension. A name of ours that no row matches has no place there and is kept beside.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Layout = Literal["same", "transposed", "heads_out", "heads_in", "vector"]
Row = tuple[str, str, Layout]


PARTS = 3
"""Query, key and value, where one tensor holds all three."""


@dataclass(frozen=True)
class Names:
    """The rows of one backbone's table; the first match wins."""

    rows: tuple[Row, ...]

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


def linear(ours: str, theirs: str, layout: Layout = "same", part: str = "") -> tuple[Row, Row]:
    """Return the rows of a module with a weight, arranged as `layout` says, and a bias."""
    return (
        (f"{ours}.weight", f"{theirs}.weight{part}", layout),
        (f"{ours}.bias", f"{theirs}.bias{part}", "same"),
    )


def all_theirs(parameters: Mapping[str, Tensor], names: Names, heads: int) -> dict[str, Tensor]:
    """Return those of our parameters that have a place on the other side, as they stand there."""
    theirs = {
        found[0]: to_theirs(tensor, found[1], heads)
        for name, tensor in parameters.items()
        if (found := names.theirs(name)) is not None
    }
    fused = {name.removesuffix("[0]") for name in theirs if name.endswith("[0]")}
    for name in sorted(fused):
        theirs[name] = torch.cat([theirs.pop(f"{name}[{part}]") for part in range(PARTS)], dim=-1)
    return theirs


def all_ours(theirs: Mapping[str, Tensor], names: Names, heads: int) -> dict[str, Tensor]:
    """Undo `all_theirs`; tensors that we have no use for are left out."""
    parted = dict(theirs)
    for name in theirs:
        if names.ours(f"{name}[0]") is not None:
            thirds = parted.pop(name).chunk(PARTS, dim=-1)
            parted |= {f"{name}[{part}]": third for part, third in enumerate(thirds)}
    return {
        found[0]: to_ours(tensor, found[1], heads)
        for name, tensor in parted.items()
        if (found := names.ours(name)) is not None
    }


def to_theirs(tensor: Tensor, layout: Layout, heads: int) -> Tensor:
    """Arrange one of our tensors as a Hugging Face folder holds it."""
    return _TO_THEIRS[layout](tensor, heads).contiguous()


def to_ours(tensor: Tensor, layout: Layout, heads: int) -> Tensor:
    """Undo `to_theirs`."""
    return _TO_OURS[layout](tensor, heads).contiguous()


_TO_THEIRS: dict[Layout, Callable[[Tensor, int], Tensor]] = {
    "same": lambda tensor, _: tensor,
    # a linear map [out, in] as GPT-2 stores it: [in, out]
    "transposed": lambda tensor, _: tensor.t(),
    # a linear map [heads * D, width] as XLNet stores it: [width, heads, D]
    "heads_out": lambda tensor, heads: tensor.t().unflatten(1, (heads, -1)),
    # a linear map [width, heads * D] stored as [width, heads, D]
    "heads_in": lambda tensor, heads: tensor.unflatten(1, (heads, -1)),
    # a vector [width] stored as [1, 1, width]
    "vector": lambda tensor, _: tensor[None, None],
}

_TO_OURS: dict[Layout, Callable[[Tensor, int], Tensor]] = {
    "same": lambda tensor, _: tensor,
    "transposed": lambda tensor, _: tensor.t(),
    "heads_out": lambda tensor, _: tensor.flatten(1).t(),
    "heads_in": lambda tensor, _: tensor.flatten(1),
    "vector": lambda tensor, _: tensor[0, 0],
}
