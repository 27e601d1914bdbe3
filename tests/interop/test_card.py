"""What a card says of models that `transformers` has no class for."""

import pytest

from bothways.interop.card import model_card

ASKED = {
    "masked": "bothways score . text.txt",
    "classify": "bothways predict . FILE",
    "several": "bothways predict . FILE --as TASK",
}


@pytest.mark.parametrize("objective", ASKED)
def test_a_model_that_only_bothways_reads_is_asked_by_the_command_for_what_it_does(objective):
    config = {"model_type": "ours", "bothways": {"objective": {"kind": objective}}}
    assert f"```bash\n{ASKED[objective]}\n```" in model_card(None, config, {})
