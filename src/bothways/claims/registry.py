"""Every claim, by the name that the command line gives it."""

from bothways.claims import bidirectional, discrepancy, independence
from bothways.claims.base import Claim

CLAIMS: dict[str, Claim] = {
    "bidirectional": bidirectional.CLAIM,
    "discrepancy": discrepancy.CLAIM,
    "independence": independence.CLAIM,
}
