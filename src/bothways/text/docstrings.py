"""The documentation strings of Python source files, found by pattern, without importing or parsing anything.

Python's own parser would take six times as long. A pattern sees what a person sees: a text in quotes that begins
on the line after a colon, at the top of a file, or in a call that attaches documentation to a C function, such as
`add_docstr(torch.abs, "...")`. On the standard library it agrees with the parser on all but a few texts in a
thousand, and what else it picks up is sifted by `prose.py` like the rest.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from bothways.text.prose import paragraphs

_COMMENT = r"\#[^\n]*\n"
_OPENING = re.compile(
    rf"""
    (?: \A (?: \s | {_COMMENT} )*                           # the top of a file, below its licence
      | : [ \t]* (?: {_COMMENT} | \n ) (?: \s | {_COMMENT} )*   # after `class Name:` or `def name():`
      | doc\w* \( [^"'()]*?                                 # add_docstr(name,
    )
    (?P<prefix> [rRuU]? )
    (?P<quote> \"{{3}} | '{{3}} | ["'] (?= [^"'\\\n]+ ["'] \s*? \n ) )
    """,
    re.VERBOSE,
)


def prose_of_files(paths: list[str]) -> list[list[str]]:
    """Return for each source file the paragraphs of English prose in its documentation, in order."""
    return [_prose_of_file(Path(path)) for path in paths]


def _prose_of_file(path: Path) -> list[str]:
    source = path.read_text(encoding="utf-8", errors="replace")
    return [paragraph for text in docstrings(source) for paragraph in paragraphs(text)]


def docstrings(source: str) -> Iterator[str]:
    """Yield the documentation of a module, its classes and functions, in the order of the source."""
    position = 0
    while opening := _OPENING.search(source, position):
        quote = opening["quote"]
        end = source.find(quote, opening.end())
        while end > 0 and source[end - 1] == "\\":
            end = source.find(quote, end + 1)
        if end < 0:
            return
        text = source[opening.end() : end]
        yield text if opening["prefix"] in ("r", "R") else _decoded(text, quote)
        position = end + len(quote)


def _decoded(text: str, quote: str) -> str:
    r"""Replace escapes such as `\n`, as Python does."""
    if "\\" not in text:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes
            return str(ast.literal_eval(quote + text + quote))
    except (SyntaxError, ValueError):
        return text
