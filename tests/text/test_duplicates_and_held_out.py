"""Held-out documents: at least one, none trained on, chosen by content alone."""

import random

from hypothesis import given
from hypothesis import strategies as st

from bothways.text.corpus import Document
from bothways.text.duplicates import NearDuplicates, digest
from bothways.text.heldout import overlap, split

TEXTS = st.lists(
    st.text("abc ", min_size=1, max_size=30).filter(str.strip), min_size=2, max_size=40, unique=True
)


def parts(texts, one_in=10):
    found = list(split([Document(text, "here") for text in texts], one_in))
    return [d.text for held, d in found if not held], [d.text for held, d in found if held]


@given(TEXTS)
def test_every_document_is_in_exactly_one_part_and_neither_is_empty(texts):
    train, valid = parts(texts)
    assert sorted(train + valid) == sorted(texts)
    assert valid
    assert train or len(texts) < 10


@given(TEXTS, st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(texts, order):
    shuffled = texts[:]
    order.shuffle(shuffled)
    assert sorted(parts(texts)[1]) == sorted(parts(shuffled)[1])


@given(TEXTS, st.integers(0, 100))
def test_a_held_out_document_stays_so_when_text_is_added(texts, seed):
    held = [text for text in texts if text in parts(texts, 5)[1]]
    more = [f"added {seed} {number}" for number in range(50)]
    chosen_by_hash = parts(texts + more, 5)[1]
    if len(held) > 1:
        assert set(held) <= set(chosen_by_hash)


def test_about_one_document_in_n_is_held_out():
    texts = [f"document number {number}" for number in range(20_000)]
    assert 150 < len(parts(texts, 100)[1]) < 250


def test_of_one_document_the_end_is_held_out():
    text = " ".join(f"Sentence {number} ends here." for number in range(200))
    (train,), (valid,) = parts([text])
    assert f"{train} {valid}" == text
    assert 0.02 < len(valid) / len(text) < 0.08
    assert valid.startswith("Sentence")


def test_a_single_word_cannot_be_cut():
    assert parts(["x"]) == (["x"], [])


def test_modules_are_held_out_by_name():
    documents = [Document(str(random.Random(n).random()), f"module{n % 7}") for n in range(200)]
    held = {}
    for is_held, document in split(documents, 3, by_source=True):
        held.setdefault(document.source, set()).add(is_held)
    assert all(len(kinds) == 1 for kinds in held.values())


def test_text_seen_for_more_than_half_is_not_new():
    known = NearDuplicates()
    words = [f"w{n}" for n in range(40)]
    assert known.is_new(" ".join(words))
    assert not known.is_new(" ".join(words[10:]).upper())
    assert known.is_new(" ".join([*words[:15], *(f"v{n}" for n in range(25))]))
    assert known.is_new("short text")
    assert not known.is_new("Short text.")


def test_overlap_is_the_share_of_held_out_grams_in_training_text():
    words = [f"w{n}" for n in range(24)]
    assert overlap(["something else"], [" ".join(words)]) == 0
    assert overlap([" ".join(words)], [" ".join(words)]) == 1
    assert overlap([" ".join(words[:12])], [" ".join(words)]) == 5 / 17
    assert overlap(["text"], []) == 0


@given(st.text(), st.text())
def test_digests_are_equal_only_for_equal_texts(first, second):
    assert (digest(first) == digest(second)) == (first == second)
