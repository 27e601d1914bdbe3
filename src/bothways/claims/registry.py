"""Every claim, by the name that the command line gives it."""

from bothways.claims import (
    bidirectional,
    discrepancy,
    improved_training,
    independence,
    mask_rate,
    partial_prediction,
)
from bothways.claims.base import Claim

CLAIMS: dict[str, Claim] = {
    "bidirectional": bidirectional.CLAIM,
    "discrepancy": discrepancy.CLAIM,
    "independence": independence.CLAIM,
    "mask_rate": mask_rate.CLAIM,
    "partial_prediction": partial_prediction.CLAIM,
    "improved_training": improved_training.CLAIM,
}
