"""The worked examples of CONTRIBUTING.md run: its files are imported, its entries entered where the text says.

A block that begins with a docstring is a file; one that begins with `# NAME` holds entries of the literal dict
`NAME`. Either belongs to the first file that the text before it names.
"""

import importlib
import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from model_cases import FORMATS as ROWS
from model_cases import Case, make_encoder, make_objective, one_thread, words  # noqa: F401 -- a fixture
from pydantic import create_model
from small_text import COMMON, WORDS, write_text
from tiny_runs import assert_same_bits, metrics, saved_tensors, set_cap

from bothways import recipe, trained
from bothways.batch import Examples
from bothways.errors import UsageError
from bothways.formats import FORMATS
from bothways.interop.configs import FAMILIES
from bothways.interop.folder import Model, read_model, write_model
from bothways.model.backbones import BACKBONES, OFFERS, build_encoder
from bothways.objectives import OBJECTIVES, build_objective
from bothways.objectives.sentence_pair import SentencePairSettings
from bothways.pretrain import pretrain
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer, vocabulary_of

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(.*?)^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOME = re.compile(r"`((?:src|tests)/[\w/]+\.py)`")
ENTRIES = re.compile(r"^# (\w+)\n(.*?)(?=^# |\Z)", re.MULTILINE | re.DOTALL)
STEPS = 3


def blocks():
    """Return the file that each Python block belongs to, and the block."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return [(HOME.search(before)[1], code) for before, code in BLOCK.findall(page)]


def is_file(code):
    return code.startswith('"""')


def module_name(path):
    """Return the name under which a file is imported; files of tests stand under their own."""
    if path.startswith("tests/"):
        return Path(path).stem
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@pytest.fixture(autouse=True)
def examples(tmp_path, monkeypatch):
    """Do what the page says, for one test: import its files, enter its entries, and let recipes know them."""
    for folder in ("model", "objectives"):
        monkeypatch.syspath_prepend(ROOT / "tests" / folder)
    names = {}
    for path, code in blocks():
        if is_file(code):
            file = tmp_path / Path(path).name
            file.write_text(code, encoding="utf-8")
            spec = importlib.util.spec_from_file_location(module_name(path), file)
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, spec.name, module)
            spec.loader.exec_module(module)
            names |= vars(module)
            continue
        home = vars(importlib.import_module(module_name(path)))
        for table, body in ENTRIES.findall(code):
            entries = eval(f"{{{body}}}", {**home, **names})  # noqa: S307 -- our own page
            for name, entry in entries.items():
                assert name not in home[table]
                monkeypatch.setitem(home[table], name, entry)
    kinds = {"objective": OBJECTIVES, "backbone": BACKBONES}
    fields = {name: (recipe.one_of(table), ...) for name, table in kinds.items()}
    monkeypatch.setattr(recipe, "Recipe", create_model("Recipe", __base__=recipe.Recipe, **fields))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("contributing") / "text")


def run(text, out, objective, backbone, form, **options):
    """Train three steps of an objective on a backbone over a format; the prepared text lies beside the text."""
    chosen = [f"objective.kind={objective}", f"backbone.kind={backbone}", f"format.kind={form}", *COMMON]
    if form == "packed":
        chosen.append("extras=[]")
    if form == "stream":
        chosen += ["format.reuse=16", *(["backbone.memory=24"] if "memory" in OFFERS[backbone] else [])]
    place = [f"data.train='{text}'", f"data.shards='{text}-shards'", f"training.steps={STEPS}"]
    return pretrain(recipe.resolve("bert-tiny", [*chosen, *place]), out, quiet=True, **options)


def proofs(name):
    """Return a module of contract tests, to be run on the new member."""
    return importlib.import_module(name)


def test_the_page_holds_two_files_and_says_where_everything_belongs():
    files = [path for path, code in blocks() if is_file(code)]
    assert files == ["src/bothways/objectives/ending.py", "src/bothways/model/backbones/sinusoidal.py"]
    for path, code in blocks():
        assert is_file(code) != (ROOT / path).is_file()
    assert {"ending"} < set(OBJECTIVES)
    assert {"sinusoidal"} < set(BACKBONES) == set(OFFERS)
    assert {family.backbone or name for name, family in FAMILIES.items()} == set(BACKBONES)


# ---- the objective ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("backbone", ["bert", "transformer_xl", "sinusoidal"])
def test_the_objective_trains_wherever_its_needs_are_met_and_fills_blanks(backbone, form, text, tmp_path):
    if form == "stream" and "memory" not in OFFERS[backbone]:
        with pytest.raises(UsageError, match=f"backbone {backbone} does not offer"):
            run(text, tmp_path / "run", "ending", backbone, form)
        return
    done = run(text, tmp_path / "run", "ending", backbone, form)
    assert done.steps == STEPS
    assert all(np.isfinite(value) for value in done.held_out.values())
    lines = metrics(tmp_path / "run")
    assert all(np.isfinite(line["loss"]) for line in lines)
    assert ("sentence_pair" in str(lines[-1])) == (form != "packed")
    filled = trained.fill(done.folder, "alpha [?] river [?] .")
    assert len(filled.independent) == 2
    assert filled.joint


@pytest.mark.parametrize(("backbone", "form"), [("sinusoidal", "pairs"), ("transformer_xl", "stream")])
def test_the_objective_resumes_bit_for_bit(backbone, form, text, tmp_path, monkeypatch):
    whole = run(text, tmp_path / "whole", "ending", backbone, form)
    cut = (text, tmp_path / "cut", "ending", backbone, form)
    set_cap(monkeypatch, STEPS - 1)
    assert run(*cut).steps == STEPS - 1
    monkeypatch.delenv("BOTHWAYS_MAX_STEPS")
    done = run(*cut, resume=True)
    last = f"checkpoints/step-{STEPS:08d}"
    assert metrics(done.folder, "held_out") == metrics(whole.folder, "held_out")
    assert_same_bits(saved_tensors(done.folder / last), saved_tensors(whole.folder / last))


@pytest.mark.parametrize("seed", range(3))
def test_the_objective_predicts_the_last_words_each_from_all_before_it(seed):
    objective = make_objective("ending", make_encoder("bert"), longest=4)
    tokens = words(12, seed, rows=8)
    places = np.tile(np.arange(12, dtype=np.int32), (8, 1))
    batch = objective.corrupt(Examples(tokens, np.zeros_like(tokens), places), np.random.default_rng(seed))
    scored = proofs("scored").scored_slots(batch)
    starts = (tokens % 3 != 0) | (places == 0)
    count = (starts & scored).sum(axis=1)
    assert ((count >= 1) & (count <= 4)).all()
    assert len(set(count)) > 1
    first = scored.argmax(axis=1)
    assert (scored == (places >= first[:, None])).all()
    for row in range(8):
        ranks = batch.enters[row].tolist()
        assert ranks == [max(0, slot - first[row] + 1) for slot in range(12)]


CASES = [
    *(
        Case("ending", backbone, rows)
        for backbone in ("bert", "transformer_xl", "sinusoidal")
        for rows in ROWS
    ),
    *(
        Case(named, "sinusoidal", rows)
        for named in ("masked word", "permutation span context")
        for rows in ROWS
    ),
]


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.format != "stream" or case.backbone == "transformer_xl"], ids=str
)
def test_the_proofs_hold_for_the_new_members(case):
    tests = proofs("test_objectives")
    tests.test_corruption_is_a_pure_function_of_rows_and_seed(case)
    tests.test_losses_are_finite_sums_over_the_counts_that_were_announced_and_they_train_everything(case)
    tests.test_every_scored_token_is_its_own_target_and_none_is_special(case)
    tests.test_the_table_of_needs_and_offers_agrees_with_what_runs(case)
    tests = proofs("test_gradient_support")
    tests.test_gradients_reach_exactly_the_tokens_that_come_before_and_are_visible(case)
    proofs("test_questions").test_a_cloze_asks_exactly_the_asked_slots_in_row_major_order(case)


@pytest.mark.parametrize("backbone", ["bert", "transformer_xl", "sinusoidal"])
def test_the_objective_answers_without_seeing_what_is_asked(backbone):
    tests = proofs("test_questions")
    tests.test_what_stands_at_hidden_slots_does_not_matter_and_what_is_shown_does(backbone, "ending")
    tests.test_leave_one_out_does_not_depend_on_the_token_that_is_left_out(backbone, "ending")


def test_no_target_of_the_objective_can_reach_itself():
    leaks = proofs("test_leaks")
    leaks.test_no_target_of_four_rows_with_memory_can_reach_itself_or_what_comes_later("ending")
    for rows in ROWS:
        if rows != "stream":
            leaks.test_no_target_of_a_row_without_memory_can_reach_itself_or_what_comes_later("ending", rows)


# ---- the backbone -----------------------------------------------------------------------------------------------


def test_every_parameter_of_the_backbone_begins_as_its_law_says():
    proofs("test_initialise").test_every_parameter_follows_its_law("sinusoidal")


@pytest.mark.parametrize("form", ["pairs", "packed"])
@pytest.mark.parametrize("objective", ["masked", "permutation"])
def test_the_backbone_trains_with_every_objective(objective, form, text, tmp_path):
    done = run(text, tmp_path / "run", objective, "sinusoidal", form)
    assert done.steps == STEPS
    model, missing = read_model(done.checkpoint)
    assert missing == []
    assert model.encoder.settings.kind == "sinusoidal"
    assert model.objective.name == objective


@pytest.mark.parametrize("pair", [False, True], ids=["alone", "with pairs"])
@pytest.mark.parametrize("objective", ["masked", "permutation", "ending"])
def test_the_backbone_is_written_and_read_back_with_the_same_logits(objective, pair, tmp_path):
    lines = [f"{' '.join(WORDS)} {number}" for number in range(40)]
    tokenizer = train_tokenizer(lines, TokenizerSettings())
    vocabulary = vocabulary_of(tokenizer)
    settings, extras = OBJECTIVES[objective][0](), [SentencePairSettings()] if pair else []
    encoder = build_encoder(BACKBONES["sinusoidal"][0](size="tiny"), vocabulary)
    built = build_objective(settings, extras, vocabulary, encoder)
    model = Model(encoder.eval(), built.eval(), tokenizer, vocabulary, FAMILIES["sinusoidal"].layout)
    write_model(tmp_path, model, settings, extras, facts={"seed": 1})
    again, missing = read_model(tmp_path)
    assert missing == []
    assert again.encoder.settings == encoder.settings
    tokens = np.random.default_rng(0).choice(vocabulary.ordinary(), size=(2, 9)).astype(np.int32)
    hidden = np.zeros(tokens.shape, dtype=bool)
    hidden[:, 2:5] = True
    rows = Examples(tokens, np.zeros_like(tokens), np.tile(np.arange(9, dtype=np.int32), (2, 1)))
    answers = [
        each.objective.predict(each.encoder, each.objective.cloze(rows, hidden, hidden))
        for each in (model, again)
    ]
    assert torch.equal(*answers)
    card = (tmp_path / "README.md").read_text()
    assert "from transformers" not in card
    assert "# sinusoidal" in card
    assert "| seed | 1 |" in card
    assert "architectures" not in json.loads((tmp_path / "config.json").read_text())
