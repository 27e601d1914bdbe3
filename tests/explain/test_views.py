"""The masks of a page are the library's own, for every order and every number of predicted words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.explain.sentence import read_sentence
from bothways.explain.views import SHOWN, lay_out_ranks, make_view, matrix, sees_memory, smallest

MOST = 6
VIEWS = {name: make_view(name, MOST) for name in SHOWN}
OBJECTIVES = {name: smallest(name, MOST) for name in SHOWN}


@st.composite
def ranks_of_words(draw):
    """Draw a number of words, an order, and how many of its last are predicted; return each word's rank."""
    order = draw(st.integers(2, MOST).flatmap(lambda count: st.permutations(range(count))))
    predicted = draw(st.integers(1, len(order)))
    ranks = np.zeros(len(order), dtype=np.int64)
    ranks[order[-predicted:]] = np.arange(1, predicted + 1)
    return ranks


@pytest.mark.parametrize("name", SHOWN)
@given(ranks=ranks_of_words())
def test_what_is_looked_up_by_rank_is_what_the_rule_says_of_the_real_row(name, ranks):
    view, batch = VIEWS[name], lay_out_ranks(OBJECTIVES[name], ranks)
    by = ranks if view.ranked_by == "order" else np.arange(len(ranks))
    for pair, table in view.seen.items():
        stream, keys = pair.split(">")
        asking = np.flatnonzero(ranks) if stream != "content" else np.arange(len(ranks))
        if keys == "memory":
            assert [table[by[query]] == "1" for query in asking] == sees_memory(batch, stream)[
                asking
            ].tolist()
            continue
        known = np.flatnonzero(ranks) if keys == "placeholder" else np.arange(len(ranks))
        real = matrix(batch, stream, keys)
        looked_up = [[view.sees(stream, by[query], by[key], keys) for key in known] for query in asking]
        assert looked_up == real[np.ix_(asking, known)].tolist()


def test_predicting_token_3_in_the_order_2_4_3_1_sees_tokens_2_and_4_and_memory():
    view, ranks = VIEWS["permutation"], read_sentence("New York is a city", "2,4,3,1").ranks()
    seen = [place + 1 for place in range(5) if view.sees("query", ranks[2], ranks[place])]
    assert seen == [2, 4]
    assert view.seen["query>memory"][ranks[2]] == "1"
    assert [place + 1 for place in range(5) if view.sees("content", ranks[2], ranks[place])] == [2, 3, 4]


def test_a_page_knows_which_state_predicts_a_word():
    assert {name: (view.answers, view.ahead) for name, view in VIEWS.items()} == {
        "masked": ("content", 0),
        "causal": ("content", 1),
        "permutation": ("query", 0),
        "mpnet": ("query", 0),
    }


def test_every_query_of_masked_and_permuted_sees_one_thing_at_every_place():
    view = VIEWS["mpnet"]
    for query in range(1, MOST + 1):
        for key in range(1, MOST + 1):
            both = view.sees("query", query, key), view.sees("query", query, key, "placeholder")
            assert sum(both) == 1
