"""Every claim, by the name that the command line gives it, in the order in which a course would tell them."""

from bothways.claims import (
    bidirectional,
    discrepancy,
    improved_training,
    independence,
    mask_rate,
    partial_prediction,
)
from bothways.claims.base import Claim
from bothways.claims.on_tasks import TASKS
from bothways.claims.structure import STRUCTURE

CLAIMS: dict[str, Claim] = {
    "bidirectional": bidirectional.CLAIM,
    "discrepancy": discrepancy.CLAIM,
    "independence": independence.CLAIM,
    **STRUCTURE,
    "partial_prediction": partial_prediction.CLAIM,
    "mask_rate": mask_rate.CLAIM,
    "improved_training": improved_training.CLAIM,
    **TASKS,
}
