"""ELECTRA's two models in one checkpoint: the discriminator's folder, and its generator's inside it.

`transformers` has a class for each of the two, so each is a whole model there, and the embeddings they share stand in
both. Of the objective's parameters those of the generator are a masked model's but for a prefix; the rest is the
discriminator's.
"""

from collections.abc import Mapping

from torch import Tensor

from bothways.objectives.masked import MaskedSettings, MaskingSettings

FOLDER = "generator"
"""Where the generator lies within a checkpoint."""

_PREFIX = "objective.generator."
_SHARED = "encoder.embeddings."


def split(parameters: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters of the discriminator, and those of the generator as a model of its own has them."""
    own = {
        name.removeprefix(_PREFIX): value for name, value in parameters.items() if name.startswith(_PREFIX)
    }
    shared = {name: value for name, value in parameters.items() if name.startswith(_SHARED)}
    return {name: value for name, value in parameters.items() if not name.startswith(_PREFIX)}, shared | own


def as_part(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a generator's parameters under the names that they have in the whole; what is shared is left out."""
    return {_PREFIX + name: value for name, value in parameters.items() if not name.startswith(_SHARED)}


def masked_settings(settings: MaskingSettings) -> MaskedSettings:
    """Return what a generator was trained to, as the settings of a masked model."""
    return MaskedSettings(**settings.model_dump(include=set(MaskingSettings.model_fields)))
