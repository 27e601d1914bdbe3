"""The command line: verbs, exit codes, one line for every mistake, one JSON object for programs."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from bothways import errors
from bothways.cli import main
from bothways.verbs import VERBS

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Answer:
    """What the stand-ins for the working modules return."""

    number: float = 1.5

    def lines(self) -> list[str]:
        return ["first line", "second line"]

    def as_json(self) -> dict[str, float]:
        return {"number": self.number}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Put stand-ins in the place of the modules that do the work; return the calls that they get."""
    made: list[tuple] = []

    def stand_in(name: str):
        def function(*arguments, **named):
            made.append((name, *arguments, named))
            return Answer()

        return function

    for module, names in {
        "bothways.pretrain": ["pretrain"],
        "bothways.dry_run": ["dry_run"],
        "bothways.trained": ["fill", "score"],
        "bothways.demo": ["demo"],
        "bothways.bench.command": ["bench"],
    }.items():
        fake = ModuleType(module)
        for name in names:
            setattr(fake, name, stand_in(name))
        fake.RECIPES = {"BERT": "bert-tiny", "XLNet": "xlnet-tiny"}
        fake.as_json = lambda answer: {"number": answer.number}
        monkeypatch.setitem(sys.modules, module, fake)
    return made


def fails_in_one_line(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "bothways 0.1.0\n"


def test_every_verb_has_a_help_page_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in VERBS:
        assert main([verb, "--help"]) == 0
        assert f"bothways {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["pretran"], "pretrain"),
        (["pretrain"], "RECIPE"),
        (["pretrain", "bert-tiny", "--dta", "corpus"], "--data"),
        (["pretrain", "bert-tinny"], "did you mean 'bert-tiny'?"),
        (["pretrain", "bert-tiny", "training.stepps=3"], "did you mean 'steps'?"),
        (["pretrain", "bert-tiny", "corpus/"], "SECTION.KEY=VALUE"),
        (["recipes", "nothing-like-it"], "choose one of"),
    ],
)
def test_wrong_words_are_answered_in_one_line_with_code_2(
    words: list[str], hint: str, calls: list[tuple], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert not calls
    assert hint in fails_in_one_line(capsys)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.UsageError, 2),
        (errors.DataError, 3),
        (errors.CheckpointError, 4),
        (errors.NumericError, 5),
        (errors.Interrupted, 75),
        (KeyboardInterrupt, 75),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    kind: type[BaseException],
    code: int,
    calls: list[tuple],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise kind("what went\nwrong; what to do")

    monkeypatch.setattr(sys.modules["bothways.trained"], "fill", refuse)
    assert main(["fill", "runs/mine", "A [?] ."]) == code
    assert fails_in_one_line(capsys)


def test_our_own_mistakes_keep_their_traceback(calls: list[tuple], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["bothways.trained"], "fill", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main(["fill", "runs/mine", "A [?] ."])


@pytest.mark.parametrize("path", ["corpus/", "3", "it's 1: [odd", "2024-01-01", "Größe und Maß"])
def test_a_path_of_text_arrives_as_it_was_written(path: str, calls: list[tuple]) -> None:
    assert main(["pretrain", "bert-tiny", "--data", path, "training.steps=7"]) == 0
    ((_, recipe, out, _),) = calls
    assert (recipe.data.train, recipe.training.steps, out) == (path, 7, None)


def test_resuming_a_recipe_file_goes_on_in_its_folder(calls: list[tuple], tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("extends: bert-tiny\n")
    assert main(["pretrain", str(tmp_path / "recipe.yaml"), "--resume"]) == 0
    assert main(["pretrain", str(tmp_path), "--resume"]) == 0
    assert main(["pretrain", str(tmp_path), "--resume", "--out", "elsewhere"]) == 0
    assert [call[2] for call in calls] == [tmp_path, tmp_path, Path("elsewhere")]
    assert all(call[-1]["resume"] for call in calls)


def test_a_dry_run_trains_nothing(calls: list[tuple], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "xlnet-tiny", "--dry-run"]) == 0
    assert [call[0] for call in calls] == ["dry_run"]
    assert capsys.readouterr().out == "first line\nsecond line\n"


def test_a_benchmark_takes_settings_with_a_recipe_and_without(calls: list[tuple]) -> None:
    assert main(["bench", "training.threads=1", "training.precision=bf16", "--rows", "mini"]) == 0
    assert main(["bench", "xlnet-mini", "training.threads=1", "--out", "speed"]) == 0
    assert [call[:3] for call in calls] == [
        ("bench", None, ["training.threads=1", "training.precision=bf16"]),
        ("bench", "xlnet-mini", ["training.threads=1"]),
    ]
    assert (calls[0][-1]["rows"], calls[1][-1]["out"]) == ("mini", Path("speed"))


def test_preparing_can_be_tried_without_writing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("Some words.\n")
    assert main(["prepare", str(tmp_path), "--out", str(tmp_path / "shards"), "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 1
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["pretrain", "bert-tiny"],
        ["pretrain", "bert-tiny", "--dry-run"],
        ["fill", "runs/mine", "A [?] ."],
        ["score", "runs/mine", "text.txt", "tokens=50"],
        ["demo"],
        ["demo", "--dry-run"],
        ["bench"],
        ["bench", "xlnet-mini", "--quick"],
        ["recipes"],
        ["recipes", "xlnet-mini"],
        ["doctor"],
    ],
)
def test_json_is_one_object_on_standard_output(
    words: list[str], calls: list[tuple], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize(
    "words", [["pretrain", "bert-tiny"], ["score", "runs/mine", "text.txt"], ["demo"], ["bench"]]
)
def test_quiet_prints_nothing(
    words: list[str], calls: list[tuple], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_only_the_first_of_several_processes_speaks(
    calls: list[tuple], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert main(["pretrain", "bert-tiny"]) == 0
    assert capsys.readouterr().out == ""


def test_a_reader_that_leaves_early_causes_no_traceback() -> None:
    answer = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m bothways recipes | true"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert answer.stderr == ""


def test_the_doctor_says_what_to_do_about_what_is_amiss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bothways import doctor

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**20))
    assert main(["doctor"]) == 2
    captured = capsys.readouterr()
    assert "free some space" in captured.out
    assert captured.err == "error: this machine is not quite ready: see disk\n"


def test_the_generated_pages_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for path, text in generate.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is behind the code: run `make docs`"


def test_no_words_at_all_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    captured = capsys.readouterr()
    assert "bothways recipes" in captured.out
    assert captured.err == ""


def test_resuming_a_name_asks_for_the_run(calls: list[tuple], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "bert-tiny", "--data", "text", "--resume"]) == 2
    assert "--resume needs a run; give its folder instead of bert-tiny" in fails_in_one_line(capsys)
    assert calls == []
