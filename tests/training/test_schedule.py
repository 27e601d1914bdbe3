import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothways.config import build
from bothways.errors import UsageError
from bothways.training.schedule import (
    SHAPES,
    Budget,
    ScheduleSettings,
    check_batch,
    length_share,
    lengths_in_words,
    mean_length_share,
    micro_batches,
    share,
    warmup_share,
)
from bothways.training.settings import TrainingSettings

KINDS = sorted(SHAPES)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # at progress 0, half the warm-up, its end, a quarter and half and three quarters of the rest, the end
        ("constant", [0, 0.5, 1, 1, 1, 1, 1]),
        ("linear", [0, 0.5, 1, 0.75, 0.5, 0.25, 0]),
        ("cosine", [0, 0.5, 1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0]),
        ("wsd", [0, 0.5, 1, 1, 1, 1 - math.sqrt(0.5), 0]),
    ],
)
def test_each_schedule_passes_through_its_known_points(kind, expected):
    settings = ScheduleSettings(kind=kind, warmup=0.2, decay=0.4)
    points = [0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert [share(settings, point, 0.2) for point in points] == pytest.approx(expected)


def test_the_minimum_is_where_the_fall_ends():
    settings = ScheduleSettings(kind="linear", warmup=0.0, minimum=0.1)
    assert [share(settings, point, 0.0) for point in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.55, 0.1])


@given(
    kind=st.sampled_from(KINDS),
    warmup=st.floats(0, 0.99),
    decay=st.floats(0.01, 1),
    minimum=st.floats(0, 1),
    progress=st.floats(0, 1),
)
def test_the_rate_stays_between_zero_and_the_peak_and_never_below_the_minimum_once_warm(
    kind, warmup, decay, minimum, progress
):
    decay = min(decay, 1 - warmup)
    settings = ScheduleSettings(kind=kind, warmup=warmup, decay=decay, minimum=minimum)
    rate = share(settings, progress, warmup)
    assert 0 <= rate <= 1 + 1e-12
    assert progress < warmup or rate >= minimum - 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_the_rate_does_not_jump(kind):
    settings = ScheduleSettings(kind=kind, warmup=0.25, decay=0.25)
    rates = [share(settings, step / 10_000, 0.25) for step in range(10_001)]
    # The steepest piece is the first step of 1 - sqrt: sqrt(1 / 2500) = 0.02.
    assert max(abs(one - other) for one, other in itertools.pairwise(rates)) < 0.021


def test_warmup_steps_are_a_share_of_a_budget_in_steps():
    assert warmup_share(ScheduleSettings(warmup=10), Budget(steps=40)) == 0.25
    assert warmup_share(ScheduleSettings(warmup=0.3), Budget(minutes=2.0)) == 0.3
    assert warmup_share(ScheduleSettings(warmup=0), Budget(minutes=2.0)) == 0.0


@pytest.mark.parametrize("budget", [Budget(minutes=1.0), Budget(tokens=1000)])
def test_warmup_steps_without_a_budget_in_steps_name_the_fix(budget):
    with pytest.raises(UsageError, match="give the warm-up as a share"):
        warmup_share(ScheduleSettings(warmup=10), budget)


def test_a_warmup_longer_than_the_budget_is_refused():
    with pytest.raises(UsageError, match="does not fit in a budget of 9 steps"):
        warmup_share(ScheduleSettings(warmup=10), Budget(steps=9))
    with pytest.raises(UsageError, match="does not fit"):
        warmup_share(ScheduleSettings(kind="wsd", warmup=10, decay=0.5), Budget(steps=15))


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_all_warmup_is_defined(kind):
    settings = ScheduleSettings(kind=kind, warmup=10, decay=0.1)
    assert share(settings, 0.5, 1.0) == 0.5
    assert share(settings, 1.0, 1.0) in (0.0, 1.0)


@pytest.mark.parametrize(
    "values",
    [
        {"warmup": 1.5},
        {"warmup": -1},
        {"warmup": "10"},
        {"warmup": True},
        {"kind": "wsd", "warmup": 0.5, "decay": 0.6},
        {"minimum": 2.0},
        {"kind": "step"},
    ],
)
def test_impossible_schedules_are_usage_errors(values):
    with pytest.raises(UsageError, match="test:"):
        build(ScheduleSettings, values, "test")


@pytest.mark.parametrize(
    ("budget", "half"),
    [
        (Budget(steps=10), (5, 999, 1e9)),
        (Budget(tokens=1000), (99, 500, 1e9)),
        (Budget(minutes=2.0), (99, 99, 60.0)),
    ],
)
def test_progress_counts_in_the_unit_of_the_budget(budget, half):
    step, tokens, seconds = half
    assert budget.progress(0, 0, 0.0) == 0.0
    assert budget.progress(step, tokens, seconds) == 0.5
    assert not budget.is_finished(step, tokens, seconds)
    assert budget.progress(3 * step, 3 * tokens, 3 * seconds) == 1.0
    assert budget.is_finished(2 * step, 2 * tokens, 2 * seconds)


def test_a_clock_that_runs_backwards_is_no_progress():
    assert Budget(minutes=1.0).progress(0, 0, -30.0) == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "not given"),
        (
            {"steps": 5, "minutes": 1.0},
            "steps=5 and minutes=1.0; give exactly one of steps, tokens, minutes, epochs",
        ),
        ({"steps": 5, "epochs": 3.0}, "steps=5 and epochs=3.0"),
        ({"steps": 0}, "above 0"),
        ({"minutes": math.inf}, "above 0"),
    ],
)
def test_a_budget_is_exactly_one_positive_number(values, message):
    with pytest.raises(UsageError, match=message):
        Budget(**values)


@pytest.mark.parametrize(
    ("epochs", "steps_per_epoch", "steps"), [(3.0, 7, 21), (1.1, 10, 11), (0.5, 9, 4), (0.01, 9, 1)]
)
def test_epochs_are_so_many_steps_and_at_least_one(epochs, steps_per_epoch, steps):
    settings = TrainingSettings(epochs=epochs, batch=8).in_steps(steps_per_epoch)
    assert settings == TrainingSettings(steps=steps, batch=8)
    assert settings.budget == Budget(steps=steps)


def test_a_budget_in_another_unit_is_no_affair_of_epochs():
    for budget in ({"steps": 5}, {"tokens": 5}, {"minutes": 5.0}):
        assert TrainingSettings(**budget).in_steps(7) == TrainingSettings(**budget)
    with pytest.raises(ValueError, match="before training"):
        Budget(epochs=2.0).progress(1, 1, 1.0)


def test_a_warmup_in_steps_fits_into_epochs_once_they_are_counted():
    settings = TrainingSettings(epochs=2.0, schedule=ScheduleSettings(warmup=5)).in_steps(10)
    assert warmup_share(settings.schedule, settings.budget) == 0.25


def test_epochs_read_the_text_so_often_however_rows_grow():
    growing = ScheduleSettings(length=((0.0, 0.25), (0.9, 1.0)))
    settings = TrainingSettings(epochs=2.0, schedule=growing).in_steps(1000)
    shares = [length_share(growing, settings.budget.progress(step, 0, 0.0)) for step in range(settings.steps)]
    assert sum(shares) / 1000 == pytest.approx(2.0, rel=1e-3)


def test_the_batch_grows_in_stages():
    settings = build(ScheduleSettings, {"batch": [[0.0, 0.25], [0.1, 0.5], [0.2, 1.0]]}, "test")
    points = (0.0, 0.09, 0.1, 0.19, 0.2, 1.0)
    assert [micro_batches(settings, point, 8) for point in points] == [2, 2, 4, 4, 8, 8]
    assert micro_batches(ScheduleSettings(), 0.0, 8) == 8


def test_rows_grow_in_stages():
    settings = build(ScheduleSettings, {"length": [[0.0, 0.25], [0.9, 1.0]]}, "test")
    assert [length_share(settings, point) for point in (0.0, 0.89, 0.9, 1.0)] == [0.25, 0.25, 1.0, 1.0]
    assert lengths_in_words(settings, 128) == "32 tokens at first, 128 from 90% of the budget on"
    assert length_share(ScheduleSettings(), 0.0) == 1.0
    assert lengths_in_words(ScheduleSettings(), 128) == "128 tokens"


@pytest.mark.parametrize("budget", [Budget(steps=1000), Budget(tokens=4_000_000)], ids=str)
def test_the_mean_length_is_that_of_the_steps_whatever_the_budget_is_in(budget):
    settings = ScheduleSettings(length=((0.0, 0.25), (0.9, 1.0)))
    full, steps, tokens = 4_000, 0, 0
    while not budget.is_finished(steps, tokens, 0.0):
        tokens += round(full * length_share(settings, budget.progress(steps, tokens, 0.0)))
        steps += 1
    assert mean_length_share(settings, budget) == pytest.approx(tokens / steps / full)
    assert mean_length_share(ScheduleSettings(), budget) == 1.0


@pytest.mark.parametrize("name", ["batch", "length"])
@pytest.mark.parametrize(
    "stages",
    [
        [[0.1, 0.5]],
        [[0.0, 0.5], [0.0, 1.0]],
        [[0.0, 0.5], [0.4, 0.7], [0.2, 1.0]],
        [[0.0, 0.5], [1.0, 1.0]],
        [[0.0, 0.0]],
        [[0.0, 1.5]],
        [[0.0]],
        [["0.0", 1.0]],
    ],
)
def test_stages_that_are_none_are_refused(name, stages):
    with pytest.raises(UsageError, match=rf"'{name}"):
        build(ScheduleSettings, {name: stages}, "test")


def test_a_stage_takes_whole_micro_batches():
    settings = ScheduleSettings(batch=((0.0, 0.25), (0.5, 1.0)))
    for count in (4, 8, 12):
        check_batch(settings, count)
    for count in (1, 2, 6):
        with pytest.raises(UsageError, match=rf"0.25 of a batch that each rank computes in {count} part"):
            check_batch(settings, count)
    check_batch(ScheduleSettings(), 1)
