"""The page of all records: what it says, in which order, and what it leaves out."""

import re
from dataclasses import fields, replace
from html import unescape
from pathlib import Path

import pytest
from report.small_records import (
    A_PAIR,
    A_QUALITY,
    NASTY,
    a_claim,
    a_result,
    a_run,
    everything,
    write_claims,
    write_comparison,
    write_evaluation,
)

from bothways.cli import main
from bothways.compare.quality import Cost, Quality
from bothways.compare.record import Fill
from bothways.evaluate.estimate import Estimate
from bothways.metrics.interval import Interval
from bothways.pages.blocks import Group, Pictures, Table
from bothways.report.answer import of_results
from bothways.report.command import render, report, sections, title, written
from bothways.report.cost import qualities
from bothways.report.curves import curves
from bothways.report.fills import sentence
from bothways.report.pairs import pairs_table
from bothways.report.records import Records
from bothways.report.scores import answers
from bothways.report.written import flat


@pytest.fixture(scope="module")
def whole() -> str:
    """The page of records of every kind."""
    return unescape(render(everything()))


def test_the_answer_comes_first_and_how_to_do_it_again_last() -> None:
    assert [section.title for section in sections(everything())] == [
        "The answer",
        "Held-out text",
        "Learning",
        "Tasks",
        "Every pair",
        "Cost",
        "Blanks, filled together",
        "Claims",
        "Reproduce",
    ]


def test_the_same_records_give_the_same_page(whole: str) -> None:
    assert unescape(render(everything())) == whole


def test_no_text_of_a_record_becomes_markup() -> None:
    page = render(replace(everything(), results=(), runs=(), tasks=()))
    assert "<script" not in page
    assert page.count(NASTY.replace("<", "&lt;").replace(">", "&gt;")) >= 3


@pytest.mark.parametrize("part", [each.name for each in fields(Records) if each.name != "folders"])
def test_what_there_is_nothing_of_is_left_out(part: str) -> None:
    all_parts = everything()
    for records in (replace(all_parts, **{part: ()}), Records(**{part: getattr(all_parts, part)})):
        for section in sections(records):
            assert section.blocks
            assert all(each.blocks for each in section.blocks if isinstance(each, Group))
            assert all(each.rows for each in section.blocks if isinstance(each, Table))
            pictures = [each for each in section.blocks if isinstance(each, Pictures)]
            assert all(figure.series[0].points for each in pictures for figure in each.figures)


@pytest.mark.parametrize(
    ("names", "question"),
    [
        ([], "What is said of BERT and XLNet, measured"),
        (["BERT"], "BERT: how it went"),
        (["BERT", "XLNet"], "BERT or XLNet?"),
        (["a", "b", "c"], "a, b or c?"),
        (["a", "b", "c", "d"], "a, b and 2 others, compared"),
    ],
)
def test_a_title_asks_what_the_records_answer(names: list[str], question: str) -> None:
    assert title(Records(results=tuple(a_result(name, 1, 5.0) for name in names))) == question


def test_unjudged_results_are_ranked_and_no_more() -> None:
    apart = [a_result("BERT", 1, 5.0), a_result("XLNet", 1, 4.0)]
    close = [a_result("BERT", 1, 4.05), a_result("XLNet", 1, 4.0)]
    (ranked,) = of_results(apart)
    assert ranked == (
        "leave one out",
        "XLNet pays least, 4.000 nats per token; BERT follows, 1.000 more (the unigram pays 7.000).",
    )
    assert (
        "0.050 more (the unigram pays 7.000), which may be chance: not enough evidence."
        in next(of_results(close))[1]
    )
    assert not list(of_results(apart[:1]))


def test_models_are_told_apart_by_the_windows_that_both_were_asked_about() -> None:
    close = [a_result("BERT", 1, 4.05), a_result("XLNet", 1, 4.0)]
    paired = replace(A_PAIR, difference=Interval(0.05, 0.04, 0.06), value=0.05)
    ((_, sentence),) = of_results(close, [paired])
    assert "BERT follows, 0.050 [0.040, 0.060] more (the unigram pays 7.000)." in sentence
    ((_, sentence),) = of_results(close, [replace(paired, difference=Interval(0.05, -0.01, 0.11))])
    assert "which may be chance" in sentence


def test_the_budget_is_said_first_and_last(whole: str) -> None:
    assert "each trained with 3 seeds, 2,000 tokens a run, on the same text" in whole
    assert "2,000 tokens for each run." in whole


def test_the_machine_of_a_comparison_stands_for_those_of_runs_that_are_gone() -> None:
    assert "3.9.1" in render(Records(environments=({"python": "3.9.1"},)))
    assert "3.9.1" not in render(Records(environments=({"python": "3.9.1"},), runs=(a_run("BERT", 1),)))


def test_judged_results_say_what_was_judged(whole: str) -> None:
    assert "XLNet pays less" in whole
    assert "pays least" not in whole


def test_a_task_is_answered_with_its_difference_and_its_p_value() -> None:
    ((task, sentence),) = answers(everything().tasks)
    assert task == "sst2"
    assert sentence.startswith("XLNet scores lower than BERT: XLNet less BERT is −35.0")
    assert re.search(r"in accuracy × 100, 3 seeds, Holm p = 0\.\d+", sentence)


def test_a_task_that_a_comparison_judged_is_answered_once(whole: str) -> None:
    assert "XLNet less BERT" not in whole
    assert "XLNet less BERT" in render(Records(tasks=everything().tasks))


def test_curves_are_means_over_seeds_with_bands() -> None:
    runs = (a_run("BERT", 1, 6.0, 5.0), a_run("BERT", 2, 7.0, 5.5, 5.0), a_run("XLNet", 1, 4.0))
    section = curves(Records(runs=runs))
    assert section is not None
    by_tokens, by_minutes = section.blocks[1].figures
    bert, xlnet = by_tokens.series
    assert [(point.x, point.y, point.low, point.high) for point in bert.points] == [
        (1000, 6.5, 6.0, 7.0),
        (2000, 5.25, 5.0, 5.5),
    ]
    assert [(point.x, point.low) for point in xlnet.points] == [(1000, None)]
    assert [point.x for point in by_minutes.series[0].points] == [1.0, 2.0]


def test_runs_without_held_out_numbers_have_no_curves() -> None:
    assert curves(Records(runs=(a_run("BERT", 1),))) is None


def test_a_quality_costs_what_a_comparison_found_and_else_what_logs_say() -> None:
    runs = (a_run("BERT", 1, 6.0, 5.0, 5.2), a_run("XLNet", 1, 5.1, 4.5, 4.0), a_run("XLNet", 2, 5.5, 4.5))
    (by_logs,) = qualities(Records(runs=runs))
    assert by_logs == Quality(
        "leave_one_out_nats", 5.2, {"BERT": Cost(2000.0, 120.0), "XLNet": Cost(1000.0, 60.0)}
    )
    assert qualities(Records(runs=runs, qualities=(A_QUALITY,))) == (A_QUALITY,)
    assert not qualities(Records(runs=runs[:1]))


def test_a_quality_has_a_row_a_recipe(whole: str) -> None:
    assert "each needed until it was first as good as the worst one at its end, 5.200" in whole
    assert re.search(r">XLNet</th>\s*<td[^>]*>1500</td>\s*<td[^>]*>1\.5</td>", whole)


def test_pairs_are_told_in_words() -> None:
    one_seed = replace(A_PAIR, question="sst2", seeds=1, difference=None, holm=None)
    assert pairs_table([A_PAIR, one_seed]).rows == [
        ["leave one out", "BERT", "XLNet", "−1.000 [−1.500, −0.500]", "3", "0.01", "< 0.0001"],
        ["sst2", "BERT", "XLNet", "−1.000", "1", "0.01", "–"],
    ]


def test_what_must_be_known_of_a_comparison_is_said(whole: str) -> None:
    assert "a row was left out" in whole
    assert "sst2: 2 of 200 test examples (1.0%) stand in the training text" in whole


def test_of_one_seed_models_are_ranked_and_recipes_are_not_judged() -> None:
    results = (a_result("BERT", 1, 5.0), a_result("XLNet", 1, 4.0))
    page = render(Records(results=results, verdicts=(("of tokens", "not enough evidence of tokens"),)))
    assert "XLNet pays least, 4.000 nats per token" in page
    assert "says nothing of recipes" in page
    assert "not enough evidence of tokens" not in page


def test_models_with_tokenizers_of_their_own_are_ranked_by_whole_words_alone() -> None:
    results = []
    for name, nats in (("BERT", 1.0), ("XLNet", 2.0)):
        result = a_result(name, 1, 5.0)
        words = replace(
            result.score.measurements[0], key="word_nats_per_character", model=Estimate(nats, 0.1, 100, 10)
        )
        measurements = [*result.score.measurements, words]
        results.append(replace(result, score=replace(result.score, measurements=measurements)))
    assert [question for question, _ in of_results(results)] == ["whole words"]


def test_memory_is_shown_where_all_results_say_it() -> None:
    bert, xlnet = a_result("BERT", 1, 5.0, memory=2**20), a_result("XLNet", 1, 4.0, memory=3 * 2**20)
    again = replace(xlnet, seed=2, memory=2 * 2**20)
    page = render(Records(results=(bert, xlnet, again)))
    assert "medians over seeds; memory is the most that any needed" in page
    assert "3 MiB" in page
    assert "MiB" not in render(Records(results=(bert, replace(xlnet, memory=None))))


def test_filled_blanks_stand_in_their_sentence() -> None:
    assert sentence(Fill("A [?] of [?].", "BERT", ("list", "it"))) == "A ‹list› of ‹it›."
    assert sentence(Fill("A [?].", "BERT", ("one", "two"))) == "one, two"


def test_claims_stand_with_verdict_numbers_and_picture() -> None:
    page = unescape(render(Records(claims=(a_claim(), a_claim("heads", "preview")))))
    assert "Of 2 sentences that people repeat, 1 hold, 1 are previews without a verdict." in page
    assert '<span class="badge yes">holds</span>' in page
    assert "1.4000 to 1.6000" in page
    assert page.count("<svg") == 2
    assert "bothways claims heads" in page
    links = re.findall(r'href="#(claim-\d)"', page)
    assert links == re.findall(r'<h3 id="(claim-\d)"', page) == ["claim-1", "claim-2"]


def test_settings_are_shown_once_where_seeds_differ_in_nothing_else() -> None:
    same = (a_run("BERT", 1), a_run("BERT", 2))
    other = replace(a_run("BERT", 3), settings="name: BERT\nseed: 3\nmore: 1\n")
    assert "BERT, seeds 1, 2" in render(Records(runs=same))
    assert render(Records(runs=(*same, other))).count("<summary>BERT, seed ") == 3


def test_what_differs_between_machines_is_named() -> None:
    runs = (a_run("BERT", 1), replace(a_run("XLNet", 1), environment={"python": "3.12"}))
    page = render(Records(runs=runs))
    assert "What differs between runs" in page
    assert "3.12" in page


def test_facts_inside_facts_are_named_by_both() -> None:
    assert flat({"a": {"b": None, "c": [1, 2]}, "d": True}) == [
        ["a.b", "none"],
        ["a.c", "1, 2"],
        ["d", "yes"],
    ]


def test_one_page_takes_records_of_every_kind(tmp_path: Path) -> None:
    write_comparison(tmp_path / "compared")
    write_evaluation(tmp_path / "glue")
    write_claims(tmp_path / "claims")
    found = re.findall(
        r"<h2[^>]*>(.*?)</h2>", report([tmp_path / "compared", tmp_path / "glue", tmp_path / "claims"])
    )
    assert found == ["The answer", "Held-out text", "Learning", "Tasks", "Cost", "Claims", "Reproduce"]


def test_the_page_lies_in_the_first_folder_or_where_it_is_wanted(tmp_path: Path) -> None:
    write_claims(tmp_path / "claims")
    assert written([tmp_path / "claims"]).path == tmp_path / "claims" / "report.html"
    assert (
        written([tmp_path / "claims"], tmp_path / "new" / "x.html")
        .path.read_text()
        .startswith("<!doctype html>")
    )


def test_the_verb_writes_the_page_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_claims(tmp_path)
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'report.html'}\n"
    assert main(["report", str(tmp_path / "nothing")]) == 2
