"""Suites by name or file, and where in a folder of data the files of a row lie."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from bothways.config import build, nearest
from bothways.errors import DataError, UsageError
from bothways.recipe_files import Values, merge, read_yaml
from bothways.suites.settings import Files, Row, Suite

_FOLDER = resources.files("bothways") / "suites"
_PACKED = ("", ".gz", ".zst")


def suite_names() -> list[str]:
    """Return the names of the suites that come with Bothways."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml"))


def read_suite(reference: str, rows: Values | None = None) -> tuple[str, Suite]:
    """Return a built-in suite, or that of a YAML file, and its name; `rows` change what it says of rows, by name.

    Raises `UsageError` for an unknown name, an unreadable file, and a suite that says what no suite can.
    """
    path = Path(reference)
    if reference in suite_names():
        values = read_yaml(_FOLDER / f"{reference}.yaml")
    elif path.is_file():
        values = read_yaml(path)
    elif path.suffix in (".yaml", ".yml"):
        raise UsageError(f"there is no suite {reference}: no such file")
    else:
        raise UsageError(f"there is no suite {reference!r}; {_hint(reference)}")
    known = list(values.get("rows", {}))
    if unknown := next((name for name in rows or {} if name not in known), None):
        raise UsageError(f"the suite {reference} has no row {unknown!r}; {nearest(unknown, known)}")
    return path.stem, build(Suite, merge(values, {"rows": rows or {}}), f"the suite {reference}")


def _hint(name: str) -> str:
    """Say which suite has rows of this name, or begun by it, or else the nearest suite."""
    for suite in suite_names():
        rows = list(read_yaml(_FOLDER / f"{suite}.yaml")["rows"])
        if meant := [row for row in rows if row == name] or [
            row for row in rows if row.startswith(f"{name}-")
        ]:
            return f"its rows are in another one: --suite {suite} --rows {','.join(meant)}"
    return nearest(name, suite_names())


def chosen(suite: Suite, names: Sequence[str]) -> dict[str, Row]:
    """Return the rows of these names, in the suite's order; all where none is named."""
    unknown = next((name for name in names if name not in suite.rows), None)
    if unknown is not None:
        raise UsageError(f"{suite.title} has no row {unknown!r}; {nearest(unknown, list(suite.rows))}")
    return {name: row for name, row in suite.rows.items() if not names or name in names}


def found_rows(rows: dict[str, Row], folder: Path) -> tuple[dict[str, Files], list[str]]:
    """Return where the files of each row lie, with whole paths, and a sentence for each row without files.

    Raises `DataError` where there are none at all.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the folder that holds the suite's data with --data")
    found, absent = {}, []
    for name, row in rows.items():
        places = [place for files in row.files if (place := _placed(files, folder)) is not None]
        if places:
            found[name] = places[0]
        else:
            absent.append(f"{name} is left out: {folder} has no {_wanted(row, folder)}")
    if not found:
        raise DataError(f"{folder} holds the files of no row; {absent[0].partition(': ')[2]}, for one")
    return found, absent


def _placed(files: Files, folder: Path) -> Files | None:
    """Return the same with the paths that are there, or None where one is not."""
    there = {part: _there(folder / path) for part, path in files.parts.items()}
    if None in there.values():
        return None
    return files.model_copy(update={part: str(path) for part, path in there.items()})


def _there(path: Path) -> Path | None:
    known = (path.with_name(path.name + ending) for ending in _PACKED)
    return next((each for each in known if each.exists()), None)


def _wanted(row: Row, folder: Path) -> str:
    """Return what is missing of each way in which the row's files may lie."""
    missing = (
        next(path for path in files.parts.values() if _there(folder / path) is None) for files in row.files
    )
    return " or ".join(dict.fromkeys(missing))
