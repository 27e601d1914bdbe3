"""The pages are true: every command in them runs, every link leads somewhere.

Blocks fenced as ```bash or ```console run in order in one folder that holds `corpus/` and `text.txt`, with training cut
to three steps and evaluations to 50 questions of a kind; a block fenced with the further word `not-run` is left out (it
installs, or takes hours). Python runs there too where it is fenced with the further word `run`; other Python has tests
of its own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)[^)]*\)")
FILES = 40
"""How much text the pages' commands train on: enough for the shortest XLNet run."""
BARE = [
    ROOT / name
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "CONTRIBUTING.md", "CHANGELOG.md")
]


def scripts(page: Path) -> list[str]:
    """Return the commands of each block that is to be run."""
    found = []
    for language, more, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if "not-run" in more:
            continue
        if language == "bash":
            found.append(body)
        if language == "python" and "run" in more.split():
            found.append(f"python - <<'PYTHON'\n{body}PYTHON\n")
        if language == "console":
            found.append("\n".join(line[2:] for line in body.splitlines() if line.startswith(("$ ", "> "))))
    return found


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with a corpus, and `bothways` and `python` on the path."""
    corpus, commands = tmp_path / "work" / "corpus", tmp_path / "bin"
    corpus.mkdir(parents=True)
    commands.mkdir()
    texts = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "src").rglob("*.py"))[:FILES]]
    for number, text in enumerate(texts):
        (corpus / f"{number:03}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "work" / "text.txt").write_text(FENCE.sub("", (ROOT / "README.md").read_text())[:300])
    for name, words in {"python": "", "bothways": " -m bothways"}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        (commands / name).chmod(0o755)
    return tmp_path / "work"


@pytest.mark.parametrize("page", [page for page in PAGES if scripts(page)], ids=lambda page: page.name)
def test_every_command_of_a_page_runs(page: Path, workplace: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{workplace.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "BOTHWAYS_MAX_STEPS": "3",
        "BOTHWAYS_MAX_QUESTIONS": "50",
    }
    for script in scripts(page):
        answer = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=workplace,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert answer.returncode == 0, f"{script}\n{answer.stdout[-2000:]}\n{answer.stderr[-2000:]}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("page", [*PAGES, *BARE], ids=lambda page: page.name)
def test_no_page_names_the_address_of_a_host(page: Path) -> None:
    assert "://" not in page.read_text(encoding="utf-8")
