"""Accuracy and macro F1 of words, counted by sentence, are scikit-learn's over all words."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from bothways.metrics.bootstrap import bootstrap
from bothways.metrics.word_labels import label_counts, label_f1, word_accuracy

LABELS = ("ADJ", "NOUN", "VERB", "X")
TRUTH = [["ADJ", "NOUN"], ["NOUN", "VERB", "NOUN", "ADJ"], ["VERB"]]
FOUND = [["ADJ", "VERB"], ["NOUN", "VERB", "NOUN", "NOUN"], ["NOUN"]]


def test_they_are_those_of_scikit_learn_over_all_words():
    truth, found = ([label for sentence in part for label in sentence] for part in (TRUTH, FOUND))
    counts = label_counts(TRUTH, FOUND, LABELS)
    right, words = counts[..., 0].sum(-1), counts[..., 2].sum(-1)
    assert word_accuracy(right, words) == pytest.approx(accuracy_score(truth, found))
    assert label_f1(counts) == pytest.approx(f1_score(truth, found, average="macro"))


def test_many_resamples_are_scored_at_once():
    counts = label_counts(TRUTH, FOUND, LABELS)
    drawn = np.array([[0, 0, 1], [2, 1, 0]])
    assert label_f1(counts[drawn]) == pytest.approx([label_f1(counts[each]) for each in drawn])
    interval = bootstrap(label_f1, [(counts,)], resamples=50)
    assert interval.low <= interval.value <= interval.high


def test_sentences_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        label_counts([["X", "X"]], [["X"]], LABELS)
