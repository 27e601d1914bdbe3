"""Scores by the book, and how sure they are.

All scores are shares from 0 to 1 (correlations from -1 to 1), higher is better, and nothing divides by zero: a share
of nothing is 0. Metrics take a batch of resamples as easily as one test set, which is what intervals and tests need.
"""

from bothways.metrics.answers import AnswerScores, answer_scores, exact_match, normalise, token_f1
from bothways.metrics.bootstrap import Metric, Run, bootstrap, mean
from bothways.metrics.classification import accuracy, f1, macro_f1, matthews
from bothways.metrics.correlation import pearson, spearman
from bothways.metrics.entities import Entity, entities_in, entity_counts, entity_f1
from bothways.metrics.grouped import mean_of_groups
from bothways.metrics.holm import holm
from bothways.metrics.interval import Interval, mean_interval, small_test_set
from bothways.metrics.no_answer import Threshold, best_threshold, scores_at
from bothways.metrics.paired import Comparison, compare
from bothways.metrics.retrieval import found_first, mean_reciprocal_rank, ranks
from bothways.metrics.share import Share, mean_share, share_of
from bothways.metrics.shared_words import SharedWords
from bothways.metrics.student import student_interval, student_quantile
from bothways.metrics.tag_schemes import to_iob2
from bothways.metrics.word_labels import label_counts, label_f1, word_accuracy

__all__ = [
    "AnswerScores",
    "Comparison",
    "Entity",
    "Interval",
    "Metric",
    "Run",
    "Share",
    "SharedWords",
    "Threshold",
    "accuracy",
    "answer_scores",
    "best_threshold",
    "bootstrap",
    "compare",
    "entities_in",
    "entity_counts",
    "entity_f1",
    "exact_match",
    "f1",
    "found_first",
    "holm",
    "label_counts",
    "label_f1",
    "macro_f1",
    "matthews",
    "mean",
    "mean_interval",
    "mean_of_groups",
    "mean_reciprocal_rank",
    "mean_share",
    "normalise",
    "pearson",
    "ranks",
    "scores_at",
    "share_of",
    "small_test_set",
    "spearman",
    "student_interval",
    "student_quantile",
    "to_iob2",
    "token_f1",
    "word_accuracy",
]
