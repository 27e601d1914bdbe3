"""Formats: how token shards become rows. Each is one file, and none knows the others."""

from collections.abc import Callable

from bothways.config import Settings
from bothways.formats.loader import Loader
from bothways.formats.packed import Packed, PackedSettings
from bothways.formats.pairs import Pairs, PairsSettings
from bothways.formats.protocol import Format, Source
from bothways.formats.stream import Stream, StreamSettings

FORMATS: dict[str, tuple[type[Settings], Callable[..., Format]]] = {
    "pairs": (PairsSettings, Pairs),
    "packed": (PackedSettings, Packed),
    "stream": (StreamSettings, Stream),
}
"""Kind -> its settings, and what is built from (settings, shards, vocabulary, seed, global_rows, layout)."""

__all__ = ["FORMATS", "Format", "Loader", "Source"]
