"""The softmax in two steps: one distribution over all tokens, the same as PyTorch's own module gives."""

import pytest
import torch
from model_cases import SIZE, make_encoder, make_objective, randomise

from bothways.batch import IGNORED
from bothways.model.heads import AdaptiveHead, VocabularyHead

WIDTH, CUTOFFS = 12, [10, 25, 40]


def case(rows=30, dtype=torch.float64):
    """Return a head, states, embeddings, and targets that lie in every cluster; some are ignored."""
    torch.manual_seed(0)
    head = randomise(AdaptiveHead(SIZE, WIDTH, CUTOFFS), 1, 0.5).to(dtype)
    hidden, embedding = torch.randn(rows, WIDTH, dtype=dtype), torch.randn(SIZE, WIDTH, dtype=dtype)
    targets = torch.arange(rows) * 7 % SIZE
    targets[::5] = IGNORED
    return head, hidden, embedding, targets


def test_probabilities_of_all_tokens_sum_to_one():
    head, hidden, embedding, _ = case()
    chances = head(hidden, embedding).exp()
    assert chances.shape == (30, SIZE)
    torch.testing.assert_close(chances.sum(-1), torch.ones(30, dtype=torch.float64), rtol=0, atol=1e-12)
    assert head(hidden[0], embedding).shape == (SIZE,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_it_is_the_adaptive_softmax_of_pytorch(dtype):
    head, hidden, embedding, targets = case(dtype=dtype)
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(WIDTH, SIZE, CUTOFFS, div_value=1.0, head_bias=True).to(
        dtype
    )
    with torch.no_grad():
        head.bias[CUTOFFS[0] :] = 0  # theirs has biases in the first step only
        theirs.head.weight.copy_(torch.cat([embedding[: CUTOFFS[0]], head.clusters.weight]))
        theirs.head.bias.copy_(torch.cat([head.bias[: CUTOFFS[0]], head.clusters.bias]))
        for (projection, tokens), (start, stop) in zip(theirs.tail, head.ranges, strict=True):
            projection.weight.copy_(torch.eye(WIDTH))
            tokens.weight.copy_(embedding[start:stop])
    close = {"rtol": 0, "atol": 1e-5 if dtype == torch.float32 else 1e-12}
    torch.testing.assert_close(head(hidden, embedding), theirs.log_prob(hidden), **close)
    counted = targets != IGNORED
    wanted = theirs(hidden[counted], targets[counted]).loss * counted.sum()
    torch.testing.assert_close(head.nats(hidden, embedding, targets), wanted, rtol=1e-5, atol=0)


def test_the_loss_is_that_of_the_whole_distribution_and_ignored_targets_count_nothing():
    head, hidden, embedding, targets = case()
    whole = torch.nn.functional.nll_loss(
        head(hidden, embedding), targets, ignore_index=IGNORED, reduction="sum"
    )
    torch.testing.assert_close(head.nats(hidden, embedding, targets), whole, rtol=1e-12, atol=0)
    frequent = torch.zeros_like(targets)
    wanted = -head(hidden, embedding)[:, 0].sum()
    torch.testing.assert_close(head.nats(hidden, embedding, frequent), wanted, rtol=1e-12, atol=0)
    assert head.nats(hidden, embedding, torch.full_like(targets, IGNORED)) == 0


def test_gradients_are_right_to_the_last_digits():
    head, hidden, embedding, targets = case(rows=12)

    def nats(hidden, embedding, bias, weight, cluster_bias):
        values = {"bias": bias, "clusters.weight": weight, "clusters.bias": cluster_bias}
        return torch.func.functional_call(
            Nats(head), {f"head.{k}": v for k, v in values.items()}, (hidden, embedding)
        )

    class Nats(torch.nn.Module):
        def __init__(self, head):
            super().__init__()
            self.head = head

        def forward(self, hidden, embedding):
            return self.head.nats(hidden, embedding, targets)

    inputs = (hidden, embedding, head.bias, head.clusters.weight, head.clusters.bias)
    assert torch.autograd.gradcheck(nats, [value.detach().requires_grad_() for value in inputs])


def test_the_gradient_of_the_table_is_put_together_once():
    head, hidden, embedding, targets = case()
    embedding.requires_grad_()
    asked, seen, to_the_table = [head.nats(hidden, embedding, targets).grad_fn], set(), 0
    while asked:
        node = asked.pop()
        for before, _ in node.next_functions:
            to_the_table += getattr(before, "variable", None) is embedding
            if before is not None and before not in seen:
                seen.add(before)
                asked.append(before)
    assert to_the_table == 1


def test_half_precision_products_give_the_same_loss_to_half_precision():
    head, hidden, embedding, targets = case(dtype=torch.float32)
    wanted = head.nats(hidden, embedding, targets)
    with torch.autocast("cpu", torch.bfloat16):
        found = head.nats(hidden, embedding, targets)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0)


def test_an_encoder_with_cutoffs_has_this_head_as_far_as_its_vocabulary_reaches():
    head = make_objective("causal", make_encoder("transformer_xl", cutoffs=[10, 25, 900])).head
    assert isinstance(head, AdaptiveHead)
    assert head.ranges == [(10, 25), (25, SIZE)]
    assert isinstance(make_encoder("transformer_xl", cutoffs=[SIZE]).vocabulary_head(), VocabularyHead)
    with pytest.raises(ValueError, match="must rise"):
        make_encoder("transformer_xl", cutoffs=[25, 10])
