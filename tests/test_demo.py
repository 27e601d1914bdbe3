"""What the demo leaves behind is a comparison, for reports and all else that reads one."""

from pathlib import Path

from report.small_records import a_result

from bothways.compare.budget import Budget
from bothways.compare.record import read_comparison
from bothways.demo import SENTENCES, record
from bothways.evaluate.fill import Filled, Filling
from bothways.report import read, write


def filled(words: tuple[str, str], probability: float) -> list[Filled]:
    best = Filling((1, 2), words, "a sentence", probability)
    return [Filled([], [best, Filling((3, 4), ("no", "no"), "another", 0.01)]) for _ in SENTENCES]


def test_the_demo_writes_a_comparison_with_the_best_fillings(tmp_path: Path) -> None:
    results = [a_result("BERT", 1, 5.0), a_result("XLNet", 1, 4.0)]
    record(
        tmp_path,
        Budget("minutes", 2.0),
        results,
        {"BERT": filled(("a", "b"), 0.25), "XLNet": filled(("c", "d"), 0.5)},
    )
    comparison = read_comparison(tmp_path)
    assert comparison.results == results
    assert comparison.summary.budget == Budget("minutes", 2.0)
    assert [each.best for each in comparison.summary.verdicts] == ["XLNet"]
    found = read(tmp_path)
    assert found.fills == comparison.summary.fills
    assert list(found.results) == results
    assert [(fill.text, fill.model, fill.filled, fill.probability) for fill in found.fills] == [
        (sentence, model, words, probability)
        for model, words, probability in (("BERT", ("a", "b"), 0.25), ("XLNet", ("c", "d"), 0.5))
        for sentence in SENTENCES
    ]
    page = write(tmp_path).read_text(encoding="utf-8")
    assert "<title>BERT or XLNet?</title>" in page
    assert "Return a ‹c› of the given ‹d›." in page
