import numpy as np
import pytest
from small_models import bert, electra, mpnet, xlnet
from toy_language import LENGTH, UNK, ToyObjective, toy_subject, toy_windows

from bothways.errors import UsageError
from bothways.evaluate.asking import Question, answers
from bothways.evaluate.sentences import WAYS, SentenceSettings, sentence_nats

MODELS = {
    "bert": bert,
    "xlnet": xlnet,
    "xlnet-cls-first": lambda: xlnet(layout="cls_first"),
    "mpnet": mpnet,
    "electra": electra,
}

every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def nats_of(subject, sentences, keys=None, **settings):
    return sentence_nats(
        subject, sentences, SentenceSettings(**settings), keys or list(range(len(sentences)))
    )


def sentences(count=9, seed=0):
    """Sentences of 1 to 11 tokens."""
    rng = np.random.default_rng(seed)
    return [rng.choice([5, 6, 7], rng.integers(1, 12)).astype(np.int32) for _ in range(count)]


def asked_one_by_one(subject, text, hidden_with):
    """Return the sum over tokens of what each costs while those of `hidden_with(position)` are hidden with it."""
    questions = [
        Question(text, (position, *hidden_with(position)), (position,)) for position in range(len(text))
    ]
    return sum(-float(scores[0, truth[0]]) for _, scores, truth in answers(subject, questions, rows=1))


def rest_of_word(text):
    """Token 7 goes on with the word before it."""

    def rest(position):
        end = next((index for index in range(position + 1, len(text)) if text[index] != 7), len(text))
        return tuple(range(position + 1, end))

    return rest


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
def test_pseudo_likelihood_is_each_token_given_all_others(layout):
    subject = toy_subject(layout)
    texts = toy_windows(12)
    found = nats_of(subject, texts, ways=("pseudo",), within_word=False)["pseudo"]
    exact = [
        sum(subject.objective.marginal(text, [place], place) for place in range(LENGTH)) for text in texts
    ]
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_within_a_word_the_pieces_to_the_right_are_hidden_too():
    subject = toy_subject()
    text = np.array([5, 7, 7, 6, 5, 7], dtype=np.int32)
    hidden = [(0, 1, 2), (1, 2), (2,), (3,), (4, 5), (5,)]
    exact = sum(subject.objective.marginal(text, places, places[0]) for places in hidden)
    assert nats_of(subject, [text], ways=("pseudo",))["pseudo"] == pytest.approx([exact], rel=1e-5)
    alone = nats_of(subject, [text], ways=("pseudo",), within_word=False)["pseudo"]
    assert abs(alone[0] - exact) > 0.1


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
@pytest.mark.parametrize("way", ["orders", "left_to_right"])
def test_one_joint_distribution_costs_the_same_in_every_order(way, layout):
    subject = toy_subject(layout)
    texts = toy_windows(12)
    exact = [-np.log(subject.objective.table[tuple(text - 5)]) for text in texts]
    np.testing.assert_allclose(nats_of(subject, texts)[way], exact, rtol=1e-5)


@every_model
@pytest.mark.parametrize("within_word", [True, False])
def test_the_fast_way_equals_the_sum_of_single_answers(make, within_word):
    subject = make()
    texts = sentences(5)
    found = nats_of(subject, texts, ways=("pseudo",), within_word=within_word)["pseudo"]
    exact = [
        asked_one_by_one(subject, text, rest_of_word(text) if within_word else lambda _position: ())
        for text in texts
    ]
    np.testing.assert_allclose(found, exact, rtol=1e-5)


@every_model
def test_batches_of_any_size_give_the_same_nats_in_the_order_asked(make):
    subject = make()
    alone, together = (nats_of(subject, sentences(), slots=slots) for slots in (1, 4096))
    for way, nats in alone.items():
        np.testing.assert_allclose(nats, together[way], rtol=1e-5)


@every_model
def test_a_model_has_the_ways_that_its_objective_answers(make):
    subject = make()
    defined = {way for way, scoring in WAYS.items() if scoring.answer in subject.objective.answers}
    assert set(nats_of(subject, sentences(2))) == defined
    assert "pseudo" in defined


def test_a_way_that_the_objective_does_not_define_is_refused():
    with pytest.raises(UsageError, match="objective, masked, does not score sentences by orders"):
        nats_of(bert(), sentences(2), ways=("orders",))


def test_a_causal_objective_reads_from_left_to_right():
    subject = toy_subject(objective=ToyObjective(["left to right"]))
    assert set(nats_of(subject, toy_windows(3))) == {"left_to_right"}


def test_orders_are_averaged_and_depend_on_seed_and_key_alone():
    subject = xlnet()
    texts = [text for text in sentences(8) if len(text) > 5][:4]
    nats = nats_of(subject, texts, keys=[3, 1, 4, 1])["orders"]
    alone = nats_of(subject, texts[2:3], keys=[4])["orders"]
    np.testing.assert_allclose(alone, nats[2:3], rtol=1e-6)
    for change in ({"seed": 1}, {"orders": 5}):
        assert not np.isclose(nats_of(subject, texts, keys=[3, 1, 4, 1], **change)["orders"], nats).any()
    assert not np.isclose(nats_of(subject, texts, keys=[2, 2, 2, 2])["orders"], nats).any()


def test_sentences_of_one_key_are_read_in_the_same_orders():
    subject = xlnet()
    text = sentences(1, seed=3)[0]
    first, second, other = nats_of(subject, [text, text, text], keys=[7, 7, 8])["orders"]
    assert first == pytest.approx(second, rel=1e-6)
    assert first != pytest.approx(other, rel=1e-3)


@every_model
def test_unknown_tokens_are_not_scored_and_stay_in_sight(make):
    subject = make()
    text = np.array([5, UNK, 6], dtype=np.int32)
    both = nats_of(subject, [text, text[[0, 2]], np.array([UNK])])
    for nats in both.values():
        assert nats[0] != pytest.approx(nats[1], rel=1e-4)
        assert nats[2] == 0
    questions = [Question(text, (place,), (place,)) for place in (0, 2)]
    exact = sum(-float(scores[0, truth[0]]) for _, scores, truth in answers(subject, questions, rows=1))
    assert both["pseudo"][0] == pytest.approx(exact, rel=1e-5)


def test_no_sentences_cost_nothing():
    assert all(len(nats) == 0 for nats in nats_of(xlnet(), []).values())
