"""The eight rows of the XLNet paper's ablation (Yang et al. 2019, table 6) differ in exactly what the paper changed."""

from typing import Any

import pytest
from small_text import COMMON, write_text
from tiny_runs import metrics

from bothways.checks import check
from bothways.pretrain import pretrain
from bothways.recipe import Recipe, resolve
from bothways.recipe_files import names

BASE = "table6/4-xlnet-k6"
STEPS = 3

CHANGES: dict[str, dict[str, Any]] = {
    "table6/3-xlnet-k7": {"objective.one_in": 7},
    BASE: {},
    "table6/5-xlnet-no-memory": {"backbone.memory": 0},
    "table6/6-xlnet-single-tokens": {"objective.select": "token"},
    "table6/7-xlnet-forward": {"format.bidirectional": False},
    "table6/8-xlnet-next-sentence": {"extras": [{"kind": "sentence_pair", "weight": 1.0}]},
}
"""What each row of XLNet says differently from row 4."""

BERT, MASKED = "table6/1-bert", "table6/2-dae-transformer-xl"
ROWS = [BERT, MASKED, *CHANGES]

every_row = pytest.mark.parametrize("name", ROWS)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_text(tmp_path_factory.mktemp("table6") / "text")


def flat(values: dict[str, Any], place: str = "") -> dict[str, Any]:
    """Return every setting by its place; a list is one setting."""
    settings: dict[str, Any] = {}
    for name, value in values.items():
        settings |= flat(value, f"{place}{name}.") if isinstance(value, dict) else {place + name: value}
    return settings


def differing(recipe: Recipe, other: Recipe) -> dict[str, Any]:
    """Return the settings of `recipe`, its name left out, that `other` has differently or not at all."""
    mine, theirs = (flat(each.model_dump(mode="json")) for each in (recipe, other))
    absent = object()
    return {
        place: value
        for place, value in mine.items()
        if place != "name" and theirs.get(place, absent) != value
    }


def test_the_eight_rows_stand_in_the_paper_s_order() -> None:
    assert [name for name in names() if name.startswith("table6/")] == sorted(ROWS)
    assert [name.removeprefix("table6/")[0] for name in sorted(ROWS)] == list("12345678")


@pytest.mark.parametrize("name", CHANGES)
def test_a_row_of_xlnet_differs_from_row_4_in_what_the_paper_changed_alone(name: str) -> None:
    assert differing(resolve(name), resolve(BASE)) == CHANGES[name]
    assert resolve(name).name == name


def test_row_2_is_row_4_with_the_objective_of_row_1() -> None:
    recipe, bert, xlnet = resolve(MASKED), resolve(BERT), resolve(BASE)
    assert recipe.objective == bert.objective == resolve("bert-base").objective
    assert {place.split(".")[0] for place in differing(recipe, xlnet)} == {"objective"}
    assert recipe.extras == []


def test_row_1_is_bert_and_reads_rows_of_the_same_length_for_the_same_budget() -> None:
    recipe, xlnet = resolve(BERT), resolve(BASE)
    assert differing(recipe, resolve("bert-base")) == {"training.schedule.length": []}
    assert recipe.training == xlnet.training
    assert recipe.format.length == xlnet.format.length


def test_row_4_is_xlnet_base_with_the_budget_of_bert() -> None:
    assert differing(resolve(BASE), resolve("xlnet-base")) == {
        "training.steps": 1_000_000,
        "training.batch": 256,
        "training.schedule.warmup": 0.01,
    }


@every_row
def test_a_row_has_the_shape_of_its_size_and_is_rescaled_by_one_word(name: str) -> None:
    for words, shape in ([], (12, 768, 12, 3072)), (["backbone.size=mini"], (4, 256, 4, 1024)):
        backbone = resolve(name, words).backbone
        assert (backbone.layers, backbone.width, backbone.heads, backbone.feed_forward) == shape


@every_row
def test_a_row_goes_together_and_trains(name: str, text: Any, tmp_path: Any) -> None:
    whole = resolve(name)
    check(whole)
    words = [*COMMON, "format.reuse=16"] if whole.format.kind == "stream" else COMMON
    if getattr(whole.backbone, "memory", 0):
        words = [*words, "backbone.memory=24"]
    place = [f"data.train='{text}'", f"data.shards='{text}-{whole.tokenizer.kind}'"]
    recipe = resolve(name, [*words, *place, f"training.steps={STEPS}"])
    done = pretrain(recipe, tmp_path / "run", quiet=True)
    assert done.steps == STEPS
    lines = metrics(tmp_path / "run")
    assert len(lines) == STEPS
    assert ("sentence_pair" in str(lines[-1])) == bool(whole.extras)
