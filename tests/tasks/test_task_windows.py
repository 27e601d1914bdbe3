"""Windows over long texts leave nothing out, and each token is judged where its context is best."""

from hypothesis import given, settings
from hypothesis import strategies as some

from bothways.tasks.windows import judges_of, windows_of

MANY = settings(max_examples=50, deadline=None)
SHAPES = some.tuples(some.integers(1, 60), some.integers(1, 20), some.integers(1, 30))


def test_a_text_that_fits_is_one_window():
    assert windows_of(6, 6, 2) == [range(6)]
    assert windows_of(0, 6, 2) == [range(0)]


def test_windows_begin_every_stride_and_the_last_is_moved_back_to_be_full():
    assert windows_of(10, 6, 3) == [range(6), range(3, 9), range(4, 10)]


def test_the_drawing_in_the_docstring_is_true():
    windows = windows_of(10, 6, 4)
    assert windows == [range(6), range(4, 10)]
    assert judges_of(windows, 10).tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]


@MANY
@given(SHAPES)
def test_every_token_is_in_a_window_and_all_windows_are_full(shape):
    count, width, stride = shape
    windows = windows_of(count, width, stride)
    assert {token for window in windows for token in window} == set(range(count))
    assert {len(window) for window in windows} == {min(count, width)}
    assert len(windows) == len(set(windows))


@MANY
@given(SHAPES)
def test_a_token_is_judged_where_its_poorer_side_is_richest(shape):
    count, width, stride = shape
    windows = windows_of(count, width, stride)

    def poorer(token, window):
        return min(token - window.start, window.stop - 1 - token)

    for token, judge in enumerate(judges_of(windows, count)):
        assert token in windows[judge]
        best = max(poorer(token, window) for window in windows if token in window)
        assert poorer(token, windows[judge]) == best
