"""Strict settings: an unknown key is an error that names the nearest known one.

Every group of settings is a frozen pydantic model declared beside the code that uses it. A field's docstring
says what it means and its unit; that text is what `bothways recipes NAME` and the documentation show.
"""

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import to_json

from bothways.errors import UsageError


class Settings(BaseModel):
    """Base of every group of settings: frozen, no unknown keys, no silent conversion of text to numbers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


S = TypeVar("S", bound=Settings)

Registry = Mapping[str, tuple[type[Settings], Any]]
"""Kind -> (its settings, what is built from them)."""


def one_of(registry: Registry, default: str | None = None) -> Any:
    """Return the type of settings that a registry admits, chosen by their `kind`; `default` is meant where none is."""
    members = tuple(settings for settings, _ in registry.values())
    # A union of one is that one, and pydantic refuses to discriminate it.
    if len(members) == 1:
        return members[0]
    if default is None:
        return Annotated[Union[members], Field(discriminator="kind")]  # noqa: UP007 -- of a tuple

    def kind_of(value: Any) -> Any:
        return value.get("kind", default) if isinstance(value, dict) else getattr(value, "kind", None)

    tagged = tuple(Annotated[settings, Tag(kind)] for kind, (settings, _) in registry.items())
    return Annotated[Union[tagged], Discriminator(kind_of)]  # noqa: UP007 -- of a tuple


def build(cls: type[S], values: Mapping[str, Any], origin: str) -> S:
    """Validate `values` into `cls`; raise `UsageError` with one sentence per mistake, in one line.

    `origin` says where the values came from (a recipe's name, a file), for the message.
    """
    try:
        # Read as JSON, a list may stand for a tuple and an integer for a float, but text never for a number.
        return cls.model_validate_json(to_json(dict(values), inf_nan_mode="constants"))
    except ValidationError as error:
        raise UsageError(f"{origin}: {_explain(cls, error)}") from None


def nearest(word: str, known: Sequence[str]) -> str:
    """Return a hint that names the known word nearest to `word`, or lists the known ones."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"choose one of: {', '.join(sorted(known))}."


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    """Return all mistakes in one line; the branches of a plain union (`int | "auto"`) share one sentence."""
    wanted: dict[str, list[str]] = {}
    items = error.errors(include_url=False)
    # What is missing often only follows from what is wrong.
    for item in [item for item in items if item["type"] != "missing"] or items:
        groups, names = _follow(cls, item["loc"])
        start, end = _sentence(item, groups, names)
        wanted.setdefault(start, []).append(end)
    return "; ".join(start + " or ".join(dict.fromkeys(ends)) for start, ends in wanted.items())


def _sentence(
    item: Mapping[str, Any], groups: Sequence[type[BaseModel]], names: list[str]
) -> tuple[str, str]:
    key = ".".join(names)
    context = item.get("ctx", {})
    match item["type"]:
        case "extra_forbidden":
            known = sorted({name for group in groups for name in group.model_fields})
            return f"unknown setting {key!r}; ", nearest(names[-1], known)
        case "missing":
            return f"setting {key!r} is missing; ", "give it a value"
        case "union_tag_not_found":
            return f"setting '{key}.kind' is missing; ", nearest("", _kinds_in(groups))
        case "union_tag_invalid":
            return f"unknown kind {context['tag']!r} of {key!r}; ", nearest(context["tag"], _kinds_in(groups))
    message = item["msg"].removeprefix("Value error, ")
    # A whole section is too much to show: its message says what in it does not go together.
    value = "" if isinstance(item["input"], dict) else f" is {item['input']!r}"
    start = f"setting {key!r}{value}: " if names else ""
    return start, f"{message[:1].lower()}{message[1:]}"


def _follow(cls: type[BaseModel], path: Sequence[str | int]) -> tuple[list[type[BaseModel]], list[str]]:
    """Return the groups of settings that `path` leads to, and the path in the user's words.

    Pydantic's path also names the chosen kind of a union and the branch of a plain one: those are left out.
    """
    groups: list[type[BaseModel]] = [cls]
    names: list[str] = []
    for part in map(str, path):
        fields = [group.model_fields[part].annotation for group in groups if part in group.model_fields]
        chosen = [group for group in groups if _kind_of(group) == part]
        if fields or part.isdecimal() or (groups and not chosen):
            names.append(part)
        inner = [group for annotation in fields for group in _groups_in(annotation)]
        groups = inner if fields else chosen or groups
    return groups, names


def _kinds_in(groups: Sequence[type[BaseModel]]) -> list[str]:
    return sorted({kind for group in groups if (kind := _kind_of(group))})


def _kind_of(group: type[BaseModel]) -> str | None:
    field = group.model_fields.get("kind")
    values = typing.get_args(field.annotation) if field else ()
    return values[0] if values else None


def _groups_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list, tuple, dict, typing.Annotated):
        return [group for inner in typing.get_args(annotation) for group in _groups_in(inner)]
    return []
