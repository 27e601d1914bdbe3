"""The documentation strings of Python source files, read without importing anything."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

from bothways.text.prose import paragraphs

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LEAST_SHARE = 0.06
"""Files in which triple-quoted text is a smaller share are not parsed: together they hold 3% of the text
and take a quarter of the time."""


def prose_of_files(paths: list[str]) -> list[list[str]]:
    """Return for each source file the paragraphs of English prose in its documentation, in order."""
    return [_prose_of_file(Path(path)) for path in paths]


def _prose_of_file(path: Path) -> list[str]:
    source = path.read_text(encoding="utf-8", errors="replace")
    if not _is_documented(source):
        return []
    return [paragraph for text in docstrings(source) for paragraph in paragraphs(text)]


def _is_documented(source: str) -> bool:
    quoted = max(sum(len(text) for text in source.split(quote)[1::2]) for quote in ('"""', "'''"))
    return quoted > max(200, _LEAST_SHARE * len(source))


def docstrings(source: str) -> Iterator[str]:
    """Yield the documentation of a module, its classes and functions, in the order of the source.

    Documentation that is given to C functions by a call, such as `add_docstr(torch.abs, "...")`, counts too.
    A source that does not parse yields nothing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    yield from _under(tree)


def _under(node: ast.AST) -> Iterator[str]:
    if isinstance(node, _DOCUMENTED):
        text = ast.get_docstring(node, clean=False)
        if text:
            yield text
    # Documentation stands in statements; expressions are looked into only for calls that attach some.
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr):
            yield from _attached(child.value)
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _under(child)


def _attached(call: ast.expr) -> Iterator[str]:
    if not isinstance(call, ast.Call):
        return
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if "doc" not in name:
        return
    for argument in call.args:
        for part in ast.walk(argument):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and "\n" in part.value:
                yield part.value
