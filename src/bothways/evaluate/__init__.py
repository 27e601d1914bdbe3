"""Numbers that mean the same for every model: held-out nats, minimal pairs, and blanks filled by a trained model."""

from bothways.evaluate.asking import Question, Subject, answers
from bothways.evaluate.estimate import Estimate, estimate
from bothways.evaluate.fill import Filled, fill_blanks
from bothways.evaluate.heldout import (
    Measurement,
    Sample,
    draw_sample,
    make_evaluator,
    measure,
)
from bothways.evaluate.minimal_pairs import MinimalPairs, MinimalPairSettings, minimal_pairs
from bothways.evaluate.pair_files import MinimalPair, read_pairs
from bothways.evaluate.printing import lines_of
from bothways.evaluate.probes import Probe, Probed, ask_probes, read_probes
from bothways.evaluate.score import Score, held_out_table, score_documents, score_texts
from bothways.evaluate.settings import EvaluationSettings
from bothways.evaluate.unigram import unigram_nats
from bothways.evaluate.windows import Documents, HeldOutText

__all__ = [
    "Documents",
    "Estimate",
    "EvaluationSettings",
    "Filled",
    "HeldOutText",
    "Measurement",
    "MinimalPair",
    "MinimalPairSettings",
    "MinimalPairs",
    "Probe",
    "Probed",
    "Question",
    "Sample",
    "Score",
    "Subject",
    "answers",
    "ask_probes",
    "draw_sample",
    "estimate",
    "fill_blanks",
    "held_out_table",
    "lines_of",
    "make_evaluator",
    "measure",
    "minimal_pairs",
    "read_pairs",
    "read_probes",
    "score_documents",
    "score_texts",
    "unigram_nats",
]
