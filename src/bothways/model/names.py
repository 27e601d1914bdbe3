"""Tables of parameter names: ours ↔ those of a Hugging Face folder.

A table lists (ours, theirs, layout); `{i}` stands for a layer's number. Layouts say how the same numbers are
arranged on the other side. Where one of theirs holds several of ours, stacked along our first dimension and then
arranged, these are `NAME[0]`, `NAME[1]` and so on. A name of ours that no row matches has no place there and is kept
beside.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Layout = Literal["same", "transposed", "heads_out", "heads_in", "vector"]
Row = tuple[str, str, Layout]


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
    wholes: dict[tuple[str, Layout], dict[str, Tensor]] = {}
    for name, tensor in parameters.items():
        if (found := names.theirs(name)) is not None:
            part, layout = found
            wholes.setdefault((part.partition("[")[0], layout), {})[part] = tensor
    return {
        name: to_theirs(_stacked([parts[part] for part in sorted(parts)]), layout, heads)
        for (name, layout), parts in wholes.items()
    }


def all_ours(theirs: Mapping[str, Tensor], names: Names, heads: int) -> dict[str, Tensor]:
    """Undo `all_theirs`; tensors that we have no use for are left out."""
    ours: dict[str, Tensor] = {}
    for name, tensor in theirs.items():
        if places := _places(name, names):
            whole = to_ours(tensor, places[0][1], heads)
            ours |= dict(zip((place for place, _ in places), whole.tensor_split(len(places)), strict=True))
    return ours


def _stacked(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _places(name: str, names: Names) -> list[tuple[str, Layout]]:
    """Return what one of their tensors is for us, or what each of its parts is; nothing where we have no use for it."""
    if (whole := names.ours(name)) is not None:
        return [whole]
    places: list[tuple[str, Layout]] = []
    while (place := names.ours(f"{name}[{len(places)}]")) is not None:
        places.append(place)
    return places


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
