"""The claims about structure: what each model may see, and what it takes for that. None needs a corpus."""

from bothways.claims.all_contexts import ALL_CONTEXTS
from bothways.claims.base import Claim
from bothways.claims.distance import DISTANCE
from bothways.claims.heads import HEADS
from bothways.claims.memory import MEMORY
from bothways.claims.order_independent_memory import ORDER_INDEPENDENT_MEMORY
from bothways.claims.position_blind import POSITION_BLIND
from bothways.claims.positions_needed import POSITIONS_NEEDED
from bothways.claims.relative_positions import RELATIVE_POSITIONS
from bothways.claims.three_embeddings import THREE_EMBEDDINGS
from bothways.claims.two_streams import TWO_STREAMS

STRUCTURE: dict[str, Claim] = {
    "all_contexts": ALL_CONTEXTS,
    "position_blind": POSITION_BLIND,
    "two_streams": TWO_STREAMS,
    "memory": MEMORY,
    "relative_positions": RELATIVE_POSITIONS,
    "order_independent_memory": ORDER_INDEPENDENT_MEMORY,
    "positions_needed": POSITIONS_NEEDED,
    "three_embeddings": THREE_EMBEDDINGS,
    "distance": DISTANCE,
    "heads": HEADS,
}
