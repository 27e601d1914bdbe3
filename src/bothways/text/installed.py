"""The Python sources that this installation always has: the standard library and what Bothways trains with.

Extras and whatever else is installed beside us do not count, so that two installations of the same versions
have the same embedded corpus. Nor do packages that we have come to need since: every number ever measured on
the corpus would be of another text.
"""

import platform
import re
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

CORE = (
    *("torch", "numpy", "tokenizers", "safetensors", "pydantic", "PyYAML", "typer", "rich", "pyarrow"),
    "zstandard",
)
"""The packages whose sources the corpus is made of, with all that they require."""

_SKIPPED_FOLDERS = frozenset(
    "test tests testing _testing idle_test site-packages dist-packages __pycache__ vendor _vendor _vendored "
    "vendored extern _bundled benchmarks examples _distutils_hack lib2to3 turtledemo".split()
)
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_NOT_OURS = re.compile(r"\bextra\s*==|['\"](?:Windows|win32|emscripten)['\"]")
"""Markers of requirements for an extra or for another platform, installed or not."""


@dataclass(frozen=True)
class Source:
    """One Python file and the module that it is."""

    module: str
    path: Path


def sources() -> list[Source]:
    """Return the modules of the standard library and of `dependencies`, sorted by name, without tests."""
    library = Path(sysconfig.get_paths()["stdlib"])
    found = [Source(_module(relative), library / relative) for relative in _python_files_under(library)]
    for distribution in dependencies():
        for file in distribution.files or ():
            relative = PurePosixPath(str(file))
            if _is_wanted(relative):
                found.append(Source(_module(relative), Path(str(distribution.locate_file(file)))))
    unique = {source.module: source for source in reversed(found) if source.path.is_file()}
    return [unique[module] for module in sorted(unique)]


def dependencies() -> list[metadata.Distribution]:
    """Return `CORE` and what that requires, without extras, sorted by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(CORE)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key not in found:
            try:
                found[key] = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                continue  # a requirement of another platform
            waiting += _requirements(name)
    return [found[key] for key in sorted(found)]


def versions() -> list[str]:
    """Return `name version` of Python and every dependency: equal lists mean equal sources."""
    packages = [f"{distribution.name} {distribution.version}" for distribution in dependencies()]
    return [f"python {platform.python_version()}", *packages]


def _requirements(name: str) -> list[str]:
    """Return the names that a distribution requires on its own account, not for an extra."""
    return [
        match.group(1)
        for requirement in metadata.requires(name) or []
        if (match := _REQUIREMENT.match(requirement)) and not _NOT_OURS.search(requirement.partition(";")[2])
    ]


def _python_files_under(folder: Path) -> list[PurePosixPath]:
    found = []
    folders = [folder]
    while folders:
        for entry in folders.pop().iterdir():
            relative = PurePosixPath(entry.relative_to(folder).as_posix())
            if entry.is_dir():
                if entry.name not in _SKIPPED_FOLDERS and not entry.name.startswith("config-"):
                    folders.append(entry)
            elif _is_wanted(relative):
                found.append(relative)
    return found


def _is_wanted(relative: PurePosixPath) -> bool:
    is_test = relative.stem.startswith(("test_", "conftest")) or relative.stem.endswith("_test")
    return relative.suffix == ".py" and not is_test and not _SKIPPED_FOLDERS.intersection(relative.parts)


def _module(relative: PurePosixPath) -> str:
    return ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
