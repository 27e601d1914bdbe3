"""One comparison of an encoder with a masked or causal model of transformers, whichever they are."""

import pytest
import torch
import torch.nn.functional as F
from model_cases import is_padding
from their_weights import copy_into, gradients_of, largest_difference, named_parameters

from bothways.batch import Batch

# Measured: 3e-6 and 3e-15; the largest logits are about 5.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-13}
every_precision = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)


def compare(encoder, objective, theirs, batch: Batch, **inputs) -> None:
    """Compare states, logits, loss and gradients where the rows hold text; `inputs` are further ones of theirs.

    Their loss is computed here, because GPT-2's is in float32 whatever its weights are.
    """
    dtype = encoder.token_embedding.dtype
    close = {"atol": TOLERANCE[dtype], "rtol": 0.0}
    text = ~is_padding(batch)
    assert not text.all()
    copy_into(theirs, encoder, objective)

    hidden, _ = encoder(batch)
    ((name, loss),) = objective.losses(hidden, encoder.token_embedding, batch).items()
    mean = loss.sum / objective.counts(batch)[name]
    mean.backward()
    inputs |= {"input_ids": batch.tokens, "attention_mask": text.long()}
    states = theirs.base_model(**inputs).last_hidden_state
    their_logits = theirs(**inputs).logits
    their_mean = F.cross_entropy(their_logits.flatten(0, 1)[batch.scored], batch.targets)
    their_mean.backward()

    torch.testing.assert_close(hidden[text], states[text], **close)
    logits = objective.head(hidden, encoder.token_embedding)
    torch.testing.assert_close(logits[text], their_logits[text], **close)
    torch.testing.assert_close(mean, their_mean, **close)
    ours = {name: parameter.grad for name, parameter in named_parameters(encoder, objective).items()}
    assert largest_difference(ours, gradients_of(theirs, encoder)) < TOLERANCE[dtype]
