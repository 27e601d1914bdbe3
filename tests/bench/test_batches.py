"""Both sides of the contest make what their model needs, out of the same text; nothing is timed here."""

import numpy as np
import pytest
import torch
from model_cases import one_thread as one_thread

from bothways.batch import IGNORED
from bothways.bench.batches import (
    BATCHES,
    LENGTHS,
    MASK,
    TARGETS,
    batch_contest,
    batch_contests,
    draw_text,
    make_collator,
    make_objective,
    make_vocabulary,
    rows_for_collator,
    single_rows,
    stream_rows,
)
from bothways.bench.cases import GPU_TOKENS, PROCESSOR_TOKENS
from bothways.errors import UsageError
from bothways.objectives.words import word_numbers

ROWS, LENGTH = 3, 64
VOCABULARY = make_vocabulary()
NAMES = list(TARGETS[PROCESSOR_TOKENS])


def examples_for(name):
    return (stream_rows if name == "permutation" else single_rows)(draw_text(ROWS, LENGTH))


@pytest.mark.parametrize("name", NAMES)
def test_our_batch_has_the_exact_number_of_targets_in_every_row(name):
    examples = examples_for(name)
    batch = make_objective(name).corrupt(examples, np.random.default_rng(0))
    share = round(LENGTH / 6) if name == "permutation" else round(LENGTH * 0.15)
    assert (batch.targets != IGNORED).sum() == ROWS * share
    assert (batch.targets[batch.targets != IGNORED] > MASK).all()
    assert batch.tokens.shape == (ROWS, LENGTH)
    assert batch.tokens.dtype == torch.int64
    if name == "permutation":
        assert batch.probes.shape == (ROWS, share)
        assert batch.now.shape == (ROWS, LENGTH + share)
        assert batch.backward.tolist() == [False, True, False]
        assert batch.carry == LENGTH // 2


@pytest.mark.parametrize("name", NAMES)
def test_the_collator_makes_the_tensors_of_its_model_from_the_same_rows(name):
    examples = examples_for(name)
    made = make_collator(name)(rows_for_collator(examples, with_words=name == "whole word"))
    scored = made["labels"] != -100
    assert made["input_ids"].shape == (ROWS, LENGTH)
    assert (made["labels"][scored].numpy() == examples.tokens[scored.numpy()]).all()
    assert not (scored.numpy() & VOCABULARY.is_special[examples.tokens]).any()
    assert 0 < scored.sum() < ROWS * LENGTH / 2
    if name == "permutation":
        assert made["perm_mask"].shape == made["target_mapping"].shape == (ROWS, LENGTH, LENGTH)


def test_the_collator_finds_the_words_that_we_find():
    examples = single_rows(draw_text(ROWS, 512))
    features = rows_for_collator(examples, with_words=True)
    scored = make_collator("whole word")(features)["labels"].numpy() != -100
    numbers = word_numbers(examples, VOCABULARY)
    for row in range(ROWS):
        of_words = np.bincount(numbers[row][numbers[row] >= 0])
        hidden = np.bincount(numbers[row][scored[row]], minlength=len(of_words))
        assert ((hidden == 0) | (hidden == of_words)).all()


def test_a_quarter_of_the_text_goes_on_with_a_word():
    text = draw_text(16, 128)
    assert (~VOCABULARY.starts_word[text]).mean() == pytest.approx(0.25, abs=0.03)
    assert (text > MASK).all()


def test_contests_count_the_examples_of_a_call_and_have_names_of_their_own():
    contests = batch_contests(quick=False)
    assert len({contest.name for contest in contests}) == len(contests) == 2 * len(NAMES) * len(LENGTHS)
    assert {contest.name for contest in batch_contests(quick=True)} == {
        contest.name for contest in contests if "L=512" in contest.name
    }
    assert all(contest.unit == "examples/s" and contest.target >= 1 for contest in contests)
    for tokens, named in BATCHES.items():
        contest = batch_contest("masked", 512, tokens)
        assert contest.work == named["masked"] * tokens / 512


@pytest.mark.parametrize("name", NAMES)
def test_both_sides_of_a_contest_run(name, monkeypatch):
    monkeypatch.setitem(BATCHES, GPU_TOKENS, dict.fromkeys(NAMES, 1))
    contest = batch_contest(name, 512, GPU_TOKENS)
    assert contest.work == GPU_TOKENS / 512
    contest.ours.run()
    contest.peer.run()


def test_without_transformers_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(UsageError, match=r"bothways\[bench\]"):
        batch_contests(quick=True)
