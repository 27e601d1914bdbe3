"""One sentence a question, for everything that evidence may say."""

import pytest
from results_of import plain, result_of, task_of

from bothways.compare.pairs import answers_to, pairs_of
from bothways.compare.questions import Question
from bothways.compare.sentences import verdict

NATS = Question("leave_one_out_nats", "for a held-out token", "nats")
POINTS = Question("mood", "on mood (accuracy)", "points")


def said(means, question=NATS):
    """Return the verdict about recipes with these values, one a seed."""
    results, tasks = [], []
    for name, values in means.items():
        for seed, value in enumerate(values, start=1):
            results.append(result_of(name, seed, [plain(value)]))
            tasks.append(task_of(name, seed, [1] * round(value) + [0] * (100 - round(value))))
    pairs = pairs_of([question], results, tasks)
    return verdict(question, answers_to(question, results, tasks).values, pairs)


def test_a_difference_that_chance_does_not_explain_is_said_with_its_interval_and_seeds():
    found = said({"bert": (3.41, 3.52, 3.40), "xlnet": (3.0, 3.1, 3.0)})
    assert (found.standing, found.best) == ("supported", "xlnet")
    # Differences of 0.41, 0.42 and 0.40: a standard error of 0.01 / √3, Student's 4.303 of them to either side.
    assert found.sentence == (
        "xlnet pays 0.41 [0.39, 0.43] nats less than bert (Holm p = 0.0002) for a held-out token over 3 seeds"
    )


def test_the_first_recipe_may_be_the_better_one():
    found = said({"xlnet": (3.0, 3.1, 3.0), "bert": (3.41, 3.52, 3.40)})
    assert found.sentence.startswith("xlnet pays 0.41 [0.39, 0.43] nats less than bert (Holm p = ")


def test_a_difference_within_chance_is_not_enough():
    found = said({"bert": (3.0, 3.5, 3.1), "xlnet": (3.1, 3.2, 3.2)})
    assert found.standing == "not enough evidence"
    assert found.sentence.startswith("not enough evidence for a held-out token: xlnet is 0.03 [-0.")
    assert found.sentence.endswith("over 3 seeds, which may be chance")


def test_one_seed_never_supports_a_verdict_and_says_so():
    found = said({"bert": (9.0,), "xlnet": (3.0,)})
    assert found.standing == "not enough evidence"
    assert found.sentence == (
        "not enough evidence for a held-out token: one seed says nothing of recipes (this xlnet is 6.00 nats from "
        "bert); compare with --seeds 3 or more"
    )


def test_of_several_the_best_is_set_against_all_others():
    found = said({"bert": (4.0, 4.1, 4.0), "xlnet": (3.0, 3.1, 3.05), "mpnet": (3.0, 3.2, 3.05)})
    assert (found.standing, found.best) == ("partly supported", "xlnet")
    assert "nats less than bert (Holm p = " in found.sentence
    assert "; not enough evidence against mpnet (0.03 [" in found.sentence
    clear = said({"bert": (4.0, 4.1, 4.0), "xlnet": (3.0, 3.1, 3.0), "gpt": (5.0, 5.1, 5.0)})
    assert clear.standing == "supported"
    assert " less than gpt (Holm p = " in clear.sentence
    assert "not enough" not in clear.sentence


def test_on_tasks_more_is_better():
    found = said({"bert": (70, 71, 70), "xlnet": (90, 91, 90)}, POINTS)
    assert found.best == "xlnet"
    assert found.sentence.startswith("xlnet scores 20.0 [")
    assert "points more than bert (Holm p = " in found.sentence
    assert found.values == pytest.approx({"bert": 70 + 1 / 3, "xlnet": 90 + 1 / 3})
