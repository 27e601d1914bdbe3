"""Every objective and every auxiliary loss, by the name that recipes give it."""

from collections.abc import Callable
from typing import Any, TypeVar

from bothways.config import Settings
from bothways.model.encoder import Encoder
from bothways.objectives.auxiliary import Auxiliary
from bothways.objectives.base import Objective
from bothways.objectives.causal import Causal, CausalSettings
from bothways.objectives.masked import Masked, MaskedSettings
from bothways.objectives.mpnet import MPNet, MPNetSettings
from bothways.objectives.permutation import Permutation, PermutationSettings
from bothways.objectives.replaced import Replaced, ReplacedSettings
from bothways.objectives.sentence_pair import SentencePair, SentencePairSettings
from bothways.objectives.span_boundary import SpanBoundary, SpanBoundarySettings
from bothways.vocabulary import Vocabulary

M = TypeVar("M")

OBJECTIVES: dict[str, tuple[type[Settings], type[Objective]]] = {
    "masked": (MaskedSettings, Masked),
    "permutation": (PermutationSettings, Permutation),
    "causal": (CausalSettings, Causal),
    "mpnet": (MPNetSettings, MPNet),
    "replaced": (ReplacedSettings, Replaced),
}

AUXILIARIES: dict[str, tuple[type[Settings], type[Auxiliary]]] = {
    "sentence_pair": (SentencePairSettings, SentencePair),
    "span_boundary": (SpanBoundarySettings, SpanBoundary),
}


def build_objective(
    settings: Settings, extras: list[Settings], vocabulary: Vocabulary, encoder: Encoder
) -> Objective:
    """Build the objective that `settings` describe, with its heads and auxiliary losses.

    `settings` is a member of `OBJECTIVES`, `extras` are members of `AUXILIARIES`; fresh weights.
    """
    auxiliaries = {
        name: _make(build, extra, vocabulary, encoder)
        for extra in extras
        for name, (kind, build) in AUXILIARIES.items()
        if isinstance(extra, kind)
    }
    for kind, build in OBJECTIVES.values():
        if isinstance(settings, kind):
            objective = _make(build, settings, vocabulary, encoder, auxiliaries)
            objective.initialise(encoder.settings.initial_deviation)
            return objective
    raise TypeError(f"{type(settings).__name__} belongs to no objective")


def _make(build: Callable[..., M], *values: Any) -> M:
    """Call a class of the tables, which alone know that it takes the settings beside it."""
    return build(*values)
