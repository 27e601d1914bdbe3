import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, IOE1, IOE2, Entities

from bothways.errors import DataError
from bothways.metrics import Entity, entities_in, to_iob2

PIECES = st.lists(st.tuples(st.sampled_from(["PER", "LOC", None]), st.integers(1, 4)), max_size=6)


def spell(entities, length, *, inside="I", first="I", last="I", single="I", touching=None):
    """Write entities as tags; `touching` marks a first word where the one before ends an entity of the same type."""
    tags = ["O"] * length
    for before, entity in zip([None, *entities], entities, strict=False):
        letters = [first, *[inside] * (entity.end - entity.start - 2), last]
        letters = letters if entity.end - entity.start > 1 else [single]
        if touching and before and (before.type, before.end) == (entity.type, entity.start):
            letters[0] = touching
        tags[entity.start : entity.end] = [f"{letter}-{entity.type}" for letter in letters]
    return tags


def laid_out(pieces):
    entities, place = [], 0
    for name, size in pieces:
        if name:
            entities.append(Entity(name, place, place + size))
        place += size
    return entities, place


SPELLINGS = {
    "iob1": ({"touching": "B"}, IOB1),
    "iob2": ({"first": "B", "single": "B"}, IOB2),
    "ioe2": ({"last": "E", "single": "E"}, IOE2),
    "bioes": ({"first": "B", "last": "E", "single": "S"}, IOBES),
    "bmes": ({"first": "B", "inside": "M", "last": "E", "single": "S"}, None),
    "bilou": ({"first": "B", "last": "L", "single": "U"}, BILOU),
}


@pytest.mark.parametrize("scheme", SPELLINGS)
@settings(max_examples=40)
@given(PIECES)
def test_every_scheme_says_the_same_entities(scheme, pieces):
    entities, length = laid_out(pieces)
    letters, reader = SPELLINGS[scheme]
    tags = spell(entities, length, **letters)
    if reader and tags:
        theirs = [(item.tag, item.start, item.end) for item in Entities([tags], reader).entities[0]]
        assert theirs == [(item.type, item.start, item.end) for item in entities], (
            "the test spells it wrongly"
        )
    assert entities_in(to_iob2(tags)) == entities


def test_ioe1_ends_an_entity_only_before_another_of_its_type():
    tags = "I-PER E-PER I-PER O I-PER".split()
    theirs = [(item.tag, item.start, item.end) for item in Entities([tags], IOE1).entities[0]]
    assert theirs == [("PER", 0, 2), ("PER", 2, 3), ("PER", 4, 5)]
    assert to_iob2(tags) == "B-PER I-PER B-PER O B-PER".split()


@pytest.mark.parametrize(
    ("tags", "converted"),
    [
        ("I-LOC I-LOC O I-PER B-PER I-LOC", "B-LOC I-LOC O B-PER B-PER B-LOC"),
        ("B-NAME M-NAME E-NAME S-TITLE O", "B-NAME I-NAME I-NAME B-TITLE O"),
        ("B-ORG-UNIT E-ORG-UNIT", "B-ORG-UNIT I-ORG-UNIT"),
    ],
)
def test_by_hand(tags, converted):
    assert to_iob2(tags.split()) == converted.split()


@given(PIECES)
def test_iob2_stays_as_it_is(pieces):
    tags = spell(*laid_out(pieces), first="B", single="B")
    assert to_iob2(tags) == tags


@pytest.mark.parametrize("tag", ["NOUN", "X-PER", "B", "M-", ""])
def test_a_tag_of_no_scheme_is_refused(tag):
    with pytest.raises(DataError, match="is no entity tag"):
        to_iob2([tag])
