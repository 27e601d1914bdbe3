"""The words of the synthetic language: its frames, and what fills them with which probability.

A word in braces is a slot; the slots of one group are filled together. Names have two or three words, and a frame says
for both how it comes to eight words.
"""

import functools
import itertools

Choices = dict[tuple[str, ...], float]
"""Words that fill the slots of a group, in order -> probability."""


def _shares(weights: dict[str, float]) -> Choices:
    """Turn weights of fillings (words between spaces) into probabilities."""
    whole = sum(weights.values())
    return {tuple(words.split()): weight / whole for words, weight in weights.items()}


def _alike(*fillings: str) -> Choices:
    return _shares(dict.fromkeys(fillings, 1.0))


FRAMES: dict[str, dict[int, str]] = {
    "weather": {
        2: "it is often {weather} in {name} {name} .",
        3: "it is {weather} in {name} {name} {name} .",
    },
    "agreement": {
        2: "the {agreement} near {name} {name} {agreement} {manner} .",
        3: "the {agreement} near {name} {name} {name} {agreement} .",
    },
    "scene": dict.fromkeys((2, 3), "in {scene} the {scene} {scene} here again ."),
    "dish": dict.fromkeys((2, 3), "people here eat {dish} with their tea ."),
    "week": dict.fromkeys((2, 3), "then {week} {week} {week} {week} {week} passed ."),
    "sense": dict.fromkeys((2, 3), "she saw the {sense} {sense} become {sense} ."),
}
"""Frame -> words of the name -> the sentence."""

NAMES: Choices = _shares(
    {
        "New York": 4,
        "New Jersey": 3,
        "New Orleans": 2,
        "Los Angeles": 5,
        "Los Alamos": 1,
        "San Diego": 4,
        "San Jose": 2,
        "Rio de Janeiro": 3,
        "Rio das Ostras": 2,
        "Rio del Mar": 2,
        "Salt Lake City": 4,
        "Port au Prince": 3,
    }
)
"""The commonest first word and the commonest second word belong to different names: "New" and "Angeles"."""

WEATHERS = ("windy", "rainy", "humid", "sunny")
_FAVOURED = 0.4  # share of the weather that is a name's own

DISHES = dict(
    zip(
        NAMES,
        "bagels apples gumbo tacos chili fish grapes beans shrimp rice cheese mango".split(),
        strict=True,
    )
)

SCENES = {
    "spring": ("swallow", "tulip", "frog", "stream"),
    "summer": ("bee", "rose", "trout", "lightning"),
    "autumn": ("crow", "aster", "salmon", "moon"),
    "winter": ("owl", "holly", "otter", "frost"),
}
"""Season -> the noun of each verb."""
SCENE_VERBS = ("flies", "blooms", "swims", "glitters")

_ANIMALS = {
    "dog": ("barks", "runs"),
    "cat": ("purrs", "sleeps"),
    "cow": ("grazes", "moos"),
    "bird": ("sings", "nests"),
}

SENSES = {
    ("bank", "shore"): (("muddy", "grassy"), ("steep", "flooded")),
    ("bank", "money"): (("central", "private"), ("rich", "bankrupt")),
    ("bat", "animal"): (("furry", "sleepy"), ("hungry", "awake")),
    ("bat", "club"): (("wooden", "heavy"), ("cracked", "broken")),
    ("seal", "animal"): (("spotted", "young"), ("fat", "playful")),
    ("seal", "stamp"): (("royal", "golden"), ("official", "forged")),
    ("pitcher", "jug"): (("glass", "empty"), ("full", "clean")),
    ("pitcher", "player"): (("famous", "tired"), ("angry", "injured")),
}
"""Word and sense -> what may stand before it, and what it may become."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_AGREEMENT = _alike(
    *(f"{animal} {verb}" for animal, verbs in _ANIMALS.items() for verb in verbs),
    *(f"{animal}s {verb.removesuffix('s')}" for animal, verbs in _ANIMALS.items() for verb in verbs),
)
_SCENE = _alike(
    *(
        f"{season} {noun} {verb}"
        for season, nouns in SCENES.items()
        for noun, verb in zip(nouns, SCENE_VERBS, strict=True)
    )
)
_SENSE = _alike(
    *(
        f"{before} {word} {after}"
        for (word, _), sides in SENSES.items()
        for before, after in itertools.product(*sides)
    )
)
_WEEK = _alike(*(" ".join(DAYS[(first + day) % 7] for day in range(5)) for first in range(7)))


@functools.cache
def choices(group: str, topic: tuple[str, ...]) -> Choices:
    """Return what a group may be filled with, given the topic."""
    match group:
        case "name":
            return {topic: 1.0}
        case "weather":
            own = list(NAMES).index(topic) % len(WEATHERS)
            rest = (1 - _FAVOURED) / (len(WEATHERS) - 1)
            return {(word,): _FAVOURED if each == own else rest for each, word in enumerate(WEATHERS)}
        case "dish":
            return {(DISHES[topic],): 1.0}
    return _ANY_TOPIC[group]


_ANY_TOPIC: dict[str, Choices] = {
    "agreement": _AGREEMENT,
    "manner": _alike("loudly", "often", "quietly", "today"),
    "scene": _SCENE,
    "week": _WEEK,
    "sense": _SENSE,
}
