"""The baseline every model must beat: how often each token occurs in the training text, plus one."""

import numpy as np

from bothways.evaluate.windows import HeldOutText
from bothways.vocabulary import Vocabulary

_CHUNK_TOKENS = 1_000_000


def unigram_nats(train: HeldOutText, vocabulary: Vocabulary) -> np.ndarray:
    """Return float64 [vocabulary]: minus the log of the add-one frequency of every ordinary token in `train`.

    Special tokens have no probability (infinite nats); they are never scored.
    """
    counts = np.ones(vocabulary.size, dtype=np.int64)
    chunk: list[np.ndarray] = []
    waiting = 0
    for index in range(train.num_documents):
        chunk.append(train.document(index))
        waiting += len(chunk[-1])
        if waiting >= _CHUNK_TOKENS or index == train.num_documents - 1:
            counts += np.bincount(np.concatenate(chunk), minlength=vocabulary.size)
            chunk, waiting = [], 0
    ordinary = vocabulary.ordinary()
    nats = np.full(vocabulary.size, np.inf)
    nats[ordinary] = np.log(counts[ordinary].sum()) - np.log(counts[ordinary])
    return nats
