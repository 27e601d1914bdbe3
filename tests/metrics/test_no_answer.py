import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.metrics import best_threshold, scores_at

QUESTIONS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.4, 1.0]), st.integers(1, 8)), min_size=1, max_size=12
)


def arrays(questions):
    """Unanswerable questions score 0 with an answer and 1 without: no share between."""
    is_unanswerable, scores, doubts = (np.array(column) for column in zip(*questions, strict=True))
    return np.where(is_unanswerable, np.round(scores), scores), doubts / 10, is_unanswerable


def test_by_hand_on_five_questions():
    doubts = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    scores = np.array([1.0, 0.0, 0.8, 0.0, 0.1])
    is_unanswerable = np.array([False, True, False, True, False])
    chosen = best_threshold(scores, doubts, is_unanswerable)
    assert chosen.value == 0.1  # the first is answered, and both that have no answer are not: 1 + 1 + 1
    assert chosen.score == pytest.approx(3 / 5)


def test_answering_nothing_may_be_best_on_any_scale_of_doubts():
    doubts, scores = np.array([-3.0, -2.0]), np.array([0.0, 0.0])
    is_unanswerable = np.array([True, True])
    chosen = best_threshold(scores, doubts, is_unanswerable)
    assert chosen.score == 1
    assert chosen.value < doubts.min()
    assert chosen.value == best_threshold(scores, doubts.astype(np.float32), is_unanswerable).value


def test_answering_everything_may_be_best():
    chosen = best_threshold(np.array([1.0, 0.5]), np.array([7.0, 2.0]), np.array([False, False]))
    assert (chosen.value, chosen.score) == (7.0, 0.75)


@given(QUESTIONS)
def test_no_threshold_is_better_and_its_score_is_what_it_gives(questions):
    scores, doubts, is_unanswerable = arrays(questions)
    chosen = best_threshold(scores, doubts, is_unanswerable)
    assert scores_at(chosen.value, scores, doubts, is_unanswerable).mean() == pytest.approx(chosen.score)
    for threshold in [0.0, *doubts]:
        assert scores_at(threshold, scores, doubts, is_unanswerable).mean() <= chosen.score + 1e-12


@given(QUESTIONS)
def test_distinct_probabilities_give_the_official_scripts_score(questions):
    """Its published search: walk up the doubts, and keep the first place with the highest running total."""
    scores, doubts, is_unanswerable = arrays(questions)
    doubts = (doubts + np.arange(len(doubts)) / 1000) / 2
    total = best = is_unanswerable.sum()
    threshold = 0.0
    for place in np.argsort(doubts):
        total += scores[place] - is_unanswerable[place]
        if total > best:
            best, threshold = total, doubts[place]
    chosen = best_threshold(scores, doubts, is_unanswerable)
    assert chosen.score == pytest.approx(best / len(scores))
    assert max(chosen.value, 0.0) == threshold
