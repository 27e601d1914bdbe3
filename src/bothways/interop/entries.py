"""Entries of somebody else's `config.json` that are computed with, and so must be what they are taken for."""

from collections.abc import Mapping
from typing import Any


def whole(config: Mapping[str, Any], name: str, default: int | None = None, *, least: int = 0) -> int:
    """Return a whole number of at least `least`.

    Raises `ValueError` where the entry is anything else, `KeyError` where there is none and no `default`.
    """
    value = config[name] if default is None else config.get(name, default)
    if type(value) is not int or value < least:
        raise ValueError(f"{name}={value!r} is not a whole number of at least {least}")
    return value
