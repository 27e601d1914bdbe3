"""docs/transformer.md runs: its blocks in order in one namespace, and each prints what the page shows below it.

They run twice, as files and as lines typed at Python's prompt, where a blank line ends whatever is indented.
"""

import contextlib
import io
import re
from code import InteractiveConsole
from pathlib import Path

import pytest
import torch

PAGE = Path(__file__).parents[1] / "docs/transformer.md"
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@pytest.fixture
def as_found():
    """Give back torch as it was: the page computes in float64 and draws from the global generator."""
    dtype, state = torch.get_default_dtype(), torch.get_rng_state()
    yield
    torch.set_default_dtype(dtype)
    torch.set_rng_state(state)


def blocks() -> list[tuple[str, str]]:
    """Return the code of each block and the output that the page shows for it."""
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def printed(code: str, scope: dict[str, object]) -> str:
    """Run a block of the page in `scope` and return what it prints."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        exec(compile(code, str(PAGE), "exec"), scope)
    return heard.getvalue()


def answered(code: str, console: InteractiveConsole) -> str:
    """Type a block of the page at a prompt, and Enter once more; return all that comes back, complaints too."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        for line in [*code.splitlines(), ""]:
            console.push(line)
    return heard.getvalue()


@pytest.mark.usefixtures("as_found")
def test_every_block_of_the_page_prints_what_stands_below_it() -> None:
    scope: dict[str, object] = {}
    for code, shown in blocks():
        assert printed(code, scope) == shown, code
    assert scope["theirs"].__class__ is torch.nn.TransformerEncoderLayer


@pytest.mark.usefixtures("as_found")
def test_every_block_pasted_at_a_prompt_answers_what_stands_below_it() -> None:
    console = InteractiveConsole()
    for code, shown in blocks():
        assert answered(code, console) == shown, code


def test_no_block_and_no_output_of_the_page_is_left_out() -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = blocks()
    assert text.count("```python\n") == len(found)
    assert text.count("```text\n") == sum(bool(shown) for _, shown in found)
