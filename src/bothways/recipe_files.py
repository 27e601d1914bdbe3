"""Recipe files as plain values: strict YAML, `extends`, merging, and `section.key=value` words.

Nothing here knows what a setting means; `recipe.py` gives the values their types. The YAML is that of
`yaml.safe_load` with three repairs: `3e-4` is a number, a date is text, and a key given twice is an error.
"""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from bothways.config import nearest
from bothways.errors import UsageError
from bothways.model.settings import SIZES

Values = dict[str, Any]

FORGETS: dict[str, dict[str, tuple[str, ...]]] = {
    "backbone": {"size": ("layers", "width", "heads", "feed_forward")},
    "training": {
        "steps": ("tokens", "minutes", "epochs"),
        "tokens": ("steps", "minutes", "epochs"),
        "minutes": ("steps", "tokens", "epochs"),
        "epochs": ("steps", "tokens", "minutes"),
    },
}
"""Section -> setting -> what a new value of it makes a recipe forget of the recipes below: a size stands for a
whole shape, and a run has one budget."""

_NUMBER = re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$")
_FOLDER = resources.files("bothways") / "recipes"


def names() -> list[str]:
    """Return the names of the recipes that come with Bothways, by family and size; in a folder, `FOLDER/NAME`."""
    order = {size: place for place, size in enumerate(SIZES)}

    def place(name: str) -> tuple[str, int, str]:
        family, _, size = name.rpartition("-")
        return (family, order[size], name) if size in order else (name, -1, name)

    return sorted(_names_in(_FOLDER), key=place)


def _names_in(folder: Traversable, prefix: str = "") -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _names_in(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".yaml"):
            yield prefix + entry.name.removesuffix(".yaml")


def summary(name: str) -> str:
    """Return the first line of a built-in recipe's opening comment: what it is, in one sentence."""
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")


def read_chain(reference: str) -> tuple[str, list[Values]]:
    """Return the name of a recipe and its values, those it extends first.

    `reference` is a built-in name, a YAML file, or a run folder that holds a `recipe.yaml`. Raises `UsageError`
    for an unknown name, a file that cannot be read, and recipes that extend one another in a circle.
    """
    layers: list[Values] = []
    seen: list[str] = []
    here = Path()
    name = ""
    while reference:
        file = _find(reference, here)
        if str(file) in seen:
            raise UsageError(
                f"recipe {reference!r} extends itself, by way of {len(seen)} files; remove one `extends`"
            )
        seen.append(str(file))
        values = read_yaml(file)
        name = name or str(values.pop("name", "") or _name_of(file, reference))
        values.pop("name", None)
        reference = values.pop("extends", None) or ""
        if not isinstance(reference, str):
            raise UsageError(f"{file}: `extends` names one recipe; {reference!r} is not a name")
        here = file.parent if isinstance(file, Path) else Path()
        layers.insert(0, values)
    return name, layers


def _find(reference: str, here: Path) -> Traversable | Path:
    known = names()
    if reference in known:
        return _FOLDER / f"{reference}.yaml"
    path = here / reference
    if path.is_dir() and (path / "recipe.yaml").is_file():
        path = path / "recipe.yaml"
    if path.is_file():
        return path
    folders = {name.rpartition("/")[0] for name in known}
    if path.suffix in {".yaml", ".yml"} or reference.rpartition("/")[0] not in folders:
        raise UsageError(
            f"there is no recipe {path}: no such file; `bothways recipes` lists the built-in ones"
        )
    raise UsageError(f"there is no recipe {reference!r}; {nearest(reference, known)}")


def _name_of(file: Traversable | Path, reference: str) -> str:
    """A built-in recipe has its name, a run's `recipe.yaml` that of its folder, any other file its own."""
    if reference in names():
        return reference
    stem = file.name.rsplit(".", 1)[0]
    return file.resolve().parent.name if stem == "recipe" and isinstance(file, Path) else stem


def read_yaml(file: Traversable | Path) -> Values:
    """Return the values of a recipe's file; raise `UsageError` where it has none."""
    try:
        values = parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the recipe {file}: {error}; give a YAML file") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is not YAML: {_one_line(error)}; correct the file") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"{file} is not a recipe: it holds no `key: value` lines; see `bothways recipes`")
    return values


def merge(below: Any, above: Any) -> Any:
    """Lay `above` over `below`: mappings join key by key, everything else is replaced.

    A mapping of another `kind` replaces the whole. A mapping of indices changes single items of a list, so
    that `extras.0.weight=0.5` can be said on the command line.
    """
    if isinstance(below, list) and isinstance(above, dict) and above and _are_indices(above, len(below)):
        return [
            merge(item, above[str(index)]) if str(index) in above else item
            for index, item in enumerate(below)
        ]
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    if "kind" in above and above["kind"] != below.get("kind"):
        return above
    return {**below, **{key: merge(below.get(key), value) for key, value in above.items()}}


def _are_indices(keys: Mapping[str, Any], length: int) -> bool:
    return all(str(key).isdecimal() and int(key) < length for key in keys)


def merge_layers(layers: Sequence[Values]) -> Values:
    """Merge recipes, the base first; a new size or budget takes the place of the old one (see `FORGETS`)."""
    values: Values = {}
    for layer in layers:
        values = merge(_forget(values, layer), layer)
    return values


def _forget(values: Values, layer: Values) -> Values:
    kept = dict(values)
    for section, rules in FORGETS.items():
        old, new = values.get(section), layer.get(section)
        if isinstance(old, dict) and isinstance(new, dict):
            forgotten = {name for key, names in rules.items() if new.get(key) is not None for name in names}
            kept[section] = {key: value for key, value in old.items() if key not in forgotten}
    return kept


def flat(values: Mapping[str, Any], prefix: str = "") -> Values:
    """Return nested values by their full names, `section.key`: the inverse of what `parse_words` nests."""
    found: Values = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def parse_words(words: Sequence[str]) -> Values:
    """Turn `section.key=value` words into nested values; a later word wins over an earlier one."""
    values: Values = {}
    for word in words:
        path, equals, text = word.partition("=")
        keys = path.split(".")
        if not equals or not all(keys):
            raise UsageError(
                f"{word!r} is not of the form SECTION.KEY=VALUE; write for example training.steps=20000"
            )
        try:
            value = parse(text)
        except yaml.YAMLError as error:
            raise UsageError(f"the value of {word!r} is not YAML: {_one_line(error)}; quote it") from None
        for key in reversed(keys):
            value = {key: value}
        values = merge(values, value)
    return values


def parse(text: str) -> Any:
    """Read YAML; raise `yaml.YAMLError` where it is none."""
    return yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader


def dump(values: Mapping[str, Any]) -> str:
    """Write values as YAML that `parse` reads back unchanged."""
    return yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def inline(value: Any) -> str:
    """Write one value in one line of YAML."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
        if twice is not None:
            raise yaml.YAMLError(f"the key {twice!r} stands there twice (line {node.start_mark.line + 1} on)")
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would read as a number."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    _class.yaml_implicit_resolvers = {
        first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:timestamp"]
        for first, rules in _class.yaml_implicit_resolvers.items()
    }
