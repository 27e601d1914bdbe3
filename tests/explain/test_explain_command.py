"""The verb: it writes one page, names models so that they can be told apart, and refuses before it loads any."""

import json

import pytest
from asked_models import subject, tokenizer

from bothways.cli import main
from bothways.interop.folder import Model, write_model

TEXT = "new york is a city"


@pytest.fixture
def runs(tmp_path):
    """Write one model into two folders of one name."""
    asked = subject("masked")
    model = Model(asked.encoder, asked.objective, tokenizer(), asked.vocabulary, asked.layout)
    folders = [tmp_path / name / "runs" / "bert" for name in ("mine", "yours")]
    for folder in folders:
        write_model(folder, model, asked.objective.settings, [], facts={})
    return folders


def test_a_page_is_written_and_what_models_say_is_told(runs, tmp_path, capsys):
    page = tmp_path / "page.html"
    models = [word for run in [*runs, runs[0]] for word in ("--model", str(run))]
    assert main(["explain", TEXT, "--order", "2,4,3,1", *models, "--out", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["order"] == [2, 4, 3, 1, 5]
    assert [model["name"] for model in told["models"]] == ["mine/runs/bert", "yours/runs/bert"]
    assert "yours/runs/bert" in page.read_text(encoding="utf-8")


def test_a_page_asks_the_network_for_nothing_and_admits_no_other_script(tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["explain", TEXT, "--out", str(page)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"page: {page}"
    html = page.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "default-src &#39;none&#39;" in html
    assert not any(
        word in html for word in ("http:", "https:", "url(", "@import", "unsafe-inline", " style=", " src=")
    )


@pytest.mark.parametrize("words", [["", "--order", "1"], [TEXT, "--order", "2,2"], [TEXT, "--order", "6"]])
def test_what_cannot_be_shown_is_refused_before_a_model_is_looked_for(words, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main(["explain", *words, "--model", str(tmp_path / "nowhere"), "--out", str(page)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: explain: ")
    assert not page.exists()
