"""Attention relations: the same for any width and any number of heads, of tokens that see each other."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from model_cases import VOCABULARY, pairs

from bothways.objectives.layout import lay_out
from bothways.objectives.relations import relation_heads, relation_nats, unseen


def vectors(width, seed):
    draw = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, 5, width, generator=draw, dtype=torch.float64) for _ in range(3))


@pytest.mark.parametrize(
    ("widths", "heads", "wanted"),
    [((128, 256), 4, 16), ((128, 128), 2, 8), ((96, 128), 2, 8), ((30, 20), 4, 10)],
)
def test_relation_heads_divide_both_widths(widths, heads, wanted):
    assert relation_heads(widths, heads) == wanted
    assert all(width % wanted == 0 for width in widths)


def test_relations_are_those_computed_by_hand():
    theirs, ours, heads = vectors(8, 1), vectors(4, 2), 2
    found = relation_nats(theirs, ours, heads, None)
    wanted = torch.zeros(2, 5, dtype=torch.float64)
    for row in range(2):
        for slot in range(5):
            for teacher, student in zip(theirs, ours, strict=True):
                for head in range(heads):
                    p, q = (
                        torch.softmax(each[row, :, part] @ each[row, slot, part] / math.sqrt(width), 0)
                        for each, part, width in (
                            (teacher, slice(4 * head, 4 * head + 4), 4),
                            (student, slice(2 * head, 2 * head + 2), 2),
                        )
                    )
                    wanted[row, slot] += (p * (p / q).log()).sum() / heads / 3
    torch.testing.assert_close(found, wanted)


def test_what_a_slot_does_not_see_changes_nothing_of_it():
    examples = pairs(rows=2, length=8)
    batch = lay_out(examples, examples.tokens, np.zeros(examples.tokens.shape, dtype=bool), VOCABULARY)
    batch = dataclasses.replace(batch, documents=torch.arange(8).expand(2, -1) // 4)
    hiding = unseen(batch)
    teacher, student = vectors(8, 1), vectors(8, 2)
    longer = [tuple(torch.cat([each, each[:, :3]], dim=1) for each in part) for part in (teacher, student)]
    before = relation_nats(*longer, 2, hiding)
    for part in longer:
        part[0][:, 4:] += 1.0
    after = relation_nats(*longer, 2, hiding)
    torch.testing.assert_close(after[:, :4], before[:, :4])
    assert not torch.allclose(after[:, 4:], before[:, 4:])


def test_rows_without_padding_hide_nothing():
    examples = pairs(rows=1, length=8)
    batch = lay_out(examples, examples.tokens, np.zeros(examples.tokens.shape, dtype=bool), VOCABULARY)
    assert unseen(batch) is None
