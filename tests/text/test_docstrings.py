"""Documentation strings are found without a parser, and are those that the parser finds."""

import ast
import inspect
import json
import textwrap
import time
import warnings

import pytest

from bothways.text.docstrings import docstrings, prose_of_files

SOURCE = '''\
#!/usr/bin/python
# A licence.

"""The module's text:

x = 1
"""

names = {"key": """not a text"""}
template = """
def generated():
    pass
"""


class Thing(
    object,
):  # a comment
    """The class's text with \\ttab and \\"""quotes\\"""."""

    def method(self, flag: bool = True) -> None:

        # A note before it.
        r\'\'\'Raw: \\n stays.\'\'\'

    async def other(self):
        "One line."
        return "no text"


add_docstr(thing.function, r"""
function(x) -> y

Text of a function in C.
""")
'''


def test_texts_of_modules_classes_functions_and_c_functions_are_found_in_order():
    assert list(docstrings(SOURCE)) == [
        "The module's text:\n\nx = 1\n",
        'The class\'s text with \ttab and """quotes""".',
        "Raw: \\n stays.",
        "One line.",
        "\nfunction(x) -> y\n\nText of a function in C.\n",
    ]


@pytest.mark.parametrize("module", [json, ast, textwrap, inspect, warnings, pytest])
def test_the_parser_agrees_on_real_sources(module):
    source = inspect.getsource(module)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    parsed = [
        ast.get_docstring(node, clean=False)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, documented)
    ]
    expected = sorted(text for text in parsed if text)
    assert [text for text in sorted(docstrings(source)) if text in expected] == expected


def test_a_source_that_does_not_parse_or_decode_is_read_all_the_same(tmp_path):
    path = tmp_path / "other.py"
    sentence = "This function returns the name of the file that was given."
    path.write_bytes(b'def f():\n    """' + sentence.encode() + b'"""\n    print \xff nonsense (\n"""open')
    assert prose_of_files([str(path)]) == [[sentence]]


def test_megabytes_of_quotes_and_colons_take_no_time():
    for source in ('"' * 300_000, ":\n" * 300_000, "doc(" * 50_000, ": '" * 100_000, "#\n" * 200_000):
        start = time.process_time()
        assert len("".join(docstrings(source))) < len(source)
        assert time.process_time() - start < 3
