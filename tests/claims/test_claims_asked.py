import numpy as np
import pytest
from claims_cases import BRIEF

from bothways.claims import discrepancy, independence, own, plan
from bothways.errors import UsageError

pytestmark = pytest.mark.usefixtures("brief_plan")


@pytest.fixture
def masked(tmp_path):
    return plan.train({"masked": BRIEF}, [1], tmp_path)["masked"][0]


def test_a_model_is_asked_about_the_text_that_its_run_held_out(masked):
    subject, windows = own.windows_of(masked)
    held_out = own.held_out(masked)
    assert {tuple(window) for window in windows} == {
        tuple(held_out.document(number)) for number in range(held_out.num_documents)
    }
    assert subject.objective.name == "masked"


def test_shards_of_another_text_are_not_taken_for_held_out(masked):
    record = masked / "environment.json"
    record.write_text(record.read_text().replace('"fingerprint": "', '"fingerprint": "other'))
    assert own.held_out(masked) is None


def test_a_users_model_gets_numbers_of_its_own(masked):
    apart = independence.ask(masked)
    at_once, one_by_one = (each.value for each in apart.measures)
    # A model of two steps knows nothing, so nothing is lost at once.
    assert at_once == pytest.approx(one_by_one, abs=0.2)
    assert apart.verdict in ("does not hold here", "inconclusive")
    moved = discrepancy.ask(masked).measures
    assert all(np.isfinite(each.value) for each in moved)
    assert moved[0].value > moved[1].value


def test_a_model_that_reads_from_the_left_has_no_blanks_to_ask_about(tmp_path):
    causal = plan.train({"causal": plan.CAUSAL | BRIEF}, [1], tmp_path)["causal"][0]
    with pytest.raises(UsageError, match="reads from the left"):
        independence.ask(causal)
