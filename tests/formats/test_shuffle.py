import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bothways.formats.shuffle import draw_below, draw_unit, draws, key_of, permute


@given(size=st.integers(1, 700), key=st.integers(0, 2**64 - 1))
def test_a_permutation_reaches_every_index_once(size, key):
    assert np.array_equal(np.sort(permute(np.arange(size), size, key)), np.arange(size))


@given(size=st.integers(1, 2**40), seed=st.integers(0, 2**32), data=st.data())
def test_an_index_is_sent_to_the_same_place_alone_and_among_others(size, seed, data):
    index = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=5)))
    together = permute(index, size, key_of(seed))
    assert (together >= 0).all()
    assert (together < size).all()
    assert [permute(index[i : i + 1], size, key_of(seed))[0] for i in range(len(index))] == together.tolist()


def test_all_orders_of_four_are_equally_likely():
    orders = [tuple(permute(np.arange(4), 4, key_of(seed))) for seed in range(4800)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-4


def test_each_index_goes_everywhere_equally_often():
    places = np.array([permute(np.arange(37), 37, key_of("places", seed)) for seed in range(2000)])
    assert min(stats.chisquare(np.bincount(places[:, i], minlength=37)).pvalue for i in range(37)) > 1e-5


def test_draws_are_uniform_and_do_not_depend_on_their_neighbours():
    unit = draw_unit(key_of(1, "unit"), np.arange(20_000))
    assert stats.kstest(unit, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(unit[1:], unit[:-1])[0, 1]) < 0.04
    below = draw_below(key_of(2), np.arange(6000), 6)
    assert stats.chisquare(np.bincount(below, minlength=6)).pvalue > 1e-4


def test_published_values_of_splitmix64_come_out():
    # The first outputs for the seed 1234567, as in the generator's reference test vectors.
    assert draws(1234567, np.arange(3)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_keys_depend_on_every_part_and_on_where_parts_end():
    keys = {key_of(1, "a", 2), key_of(1, "a", 3), key_of(2, "a", 2), key_of(1, "b", 2), key_of(1, "a2")}
    assert len(keys | {key_of(12, "a"), key_of(1, "2a")}) == 7
    assert key_of(np.int64(3), "x") == key_of(3, "x")
