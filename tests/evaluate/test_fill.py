import itertools

import numpy as np
import pytest
from pydantic_core import from_json, to_json
from toy_language import LENGTH, ORDINARY, VOCABULARY, ToyObjective, toy_subject, toy_tokenizer

from bothways.errors import UsageError
from bothways.evaluate.fill import fill_blanks, read_prompt


@pytest.fixture(scope="module")
def tokenizer():
    return toy_tokenizer()


TEXT = "red [?] blue [?][?] red"


def every_filling(subject, text, blanks):
    """Return each filling of the blanks with its exact joint probability, best first."""
    found = []
    for tokens in itertools.product(ORDINARY, repeat=len(blanks)):
        filled = np.array(text)
        filled[list(blanks)] = tokens
        found.append((np.exp(-subject.objective.joint(filled, blanks)), tokens))
    return sorted(found, reverse=True)


def test_a_prompt_has_one_token_for_each_blank(tokenizer):
    prompt = read_prompt(toy_subject(), tokenizer, TEXT)
    assert prompt.blanks == (1, 3, 4)
    assert [token for index, token in enumerate(prompt.tokens) if index not in prompt.blanks] == [5, 6, 5]


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
def test_joint_fillings_have_their_exact_joint_probability(tokenizer, layout):
    subject = toy_subject(layout)
    filled = fill_blanks(subject, tokenizer, TEXT, beam=27)
    exact = every_filling(subject, [5, 5, 6, 5, 5, 5], (1, 3, 4))
    assert [filling.tokens for filling in filled.joint] == [tokens for _, tokens in exact]
    np.testing.assert_allclose(
        [filling.probability for filling in filled.joint], [chance for chance, _ in exact], rtol=1e-4
    )
    assert sum(filling.probability for filling in filled.joint) == pytest.approx(1, rel=1e-4)


def test_independent_candidates_have_their_exact_marginal_probability(tokenizer):
    subject = toy_subject()
    filled = fill_blanks(subject, tokenizer, TEXT)
    for blank, candidates in zip((1, 3, 4), filled.independent, strict=True):
        text = [5, None, 6, None, None, 5]
        exact = subject.objective.conditional((text, blank))
        assert [candidate.token for candidate in candidates] == sorted(
            ORDINARY, key=lambda token: -exact[token]
        )
        for candidate in candidates:
            assert candidate.probability == pytest.approx(exact[candidate.token], rel=1e-4)


def test_special_tokens_are_never_proposed(tokenizer):
    filled = fill_blanks(toy_subject(), tokenizer, TEXT, beam=8, top=8)
    proposed = {candidate.token for candidates in filled.independent for candidate in candidates}
    proposed |= {token for filling in filled.joint for token in filling.tokens}
    assert proposed == set(ORDINARY)
    assert not VOCABULARY.is_special[list(proposed)].any()
    assert len(filled.joint) == 8


def test_word_pieces_are_joined_and_marked(tokenizer):
    filled = fill_blanks(toy_subject(), tokenizer, "red [?] red blue red red", beam=3)
    texts = {filling.texts[0]: filling.sentence for filling in filled.joint}
    assert texts["…s"] == "reds red blue red red"
    assert texts["blue"] == "red blue red blue red red"


def test_a_filling_can_be_printed_and_written_as_json(tokenizer):
    filled = fill_blanks(toy_subject(), tokenizer, TEXT)
    assert "each blank on its own" in filled.lines()[0]
    assert any(filled.joint[0].sentence in line for line in filled.lines())
    assert from_json(to_json(filled))["joint"][0]["tokens"] == list(filled.joint[0].tokens)


def test_text_without_a_blank_is_refused(tokenizer):
    with pytest.raises(UsageError, match=r"no blank; put \[\?\]"):
        fill_blanks(toy_subject(), tokenizer, "red blue")


def test_text_that_is_too_long_for_the_model_is_refused(tokenizer):
    subject = toy_subject(max_positions=LENGTH + 1)
    with pytest.raises(UsageError, match="6 tokens, but this model reads 5 at most; shorten"):
        fill_blanks(subject, tokenizer, TEXT)


def test_a_model_that_reads_from_left_to_right_only_is_refused(tokenizer):
    objective = ToyObjective(["left to right"])
    objective.name = "causal"
    with pytest.raises(UsageError, match="causal, reads from left to right"):
        fill_blanks(toy_subject(objective=objective), tokenizer, TEXT)
