"""A small rule-based sentence splitter: careful with abbreviations, never loses a character.

Sentences are the units that BERT's pairs are cut at (Devlin et al. 2019, appendix A.2, any contiguous span)
and at which XLNet's A and B segments meet; a wrong cut costs little, so a few rules are enough and any
language with `.`, `!`, `?` or their CJK forms works.
"""

import re

# A mark comes first, so that the search skips other characters fast. Each run of marks is looked at once, from its
# start and without backing up: a line may be a million dots. A small ASCII letter never begins a sentence.
_ENDS = re.compile(
    r"[.!?…。！？](?:(?<=[。！？])[。！？]*+[”’」』）]*+\s*+"
    r"|(?<![.!?…]{2})[.!?…]*+[\"'”’»)\]]*+\s++(?=[^a-z]))"
)
_OPENERS = "\"'“‘«([¿¡「『（"
_INITIALS = re.compile(r"[A-Za-z](\.[A-Za-z])*")

_ABBREVIATIONS = frozenset(
    "mr mrs ms messrs dr prof st mt ft jr sr rev hon gov gen col lt sgt capt cmdr adm maj pres sen rep supt "
    "vs cf al inc ltd co corp bros dept univ assn est approx ca resp viz ph.d e.g i.e a.k.a esp incl "
    "jan feb mar apr jun jul aug sep sept oct nov dec ave blvd rd".split()
)
_BEFORE_NUMBERS = frozenset("no nos vol vols fig figs eq eqs p pp ch chap sec art op ver v tab".split())
"""Abbreviations only where a digit follows: `no.` also ends sentences."""
_LONGEST_ABBREVIATION = max(map(len, _ABBREVIATIONS | _BEFORE_NUMBERS))


def split_sentences(text: str) -> list[str]:
    """Split text into sentences without outer space; a line's end always ends a sentence.

    Joining the sentences gives back every character of `text` that is not white space, in order.
    """
    return [sentence for line in text.splitlines() for sentence in _split_line(line)]


def _split_line(line: str) -> list[str]:
    sentences = []
    start = 0
    for match in _ENDS.finditer(line):
        if _is_end(line, start, match):
            sentences.append(line[start : match.end()].strip())
            start = match.end()
    sentences.append(line[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _is_end(line: str, start: int, match: re.Match[str]) -> bool:
    mark = match.group()
    if mark[0] in "。！？":
        return True
    following = line[match.end()]
    if following.islower() or not (following.isalnum() or following in _OPENERS):
        return False
    if mark.rstrip() != ".":
        return True
    begin = max(line.rfind(" ", start, match.start()) + 1, start)
    word = line[begin : match.start()].lstrip(_OPENERS)
    if len(word) > _LONGEST_ABBREVIATION and word.isalpha():
        return True
    is_list_number = word.isdigit() and not line[start:begin].strip()
    is_numbered = following.isdigit() and word.lower() in _BEFORE_NUMBERS
    is_abbreviation = word.lower() in _ABBREVIATIONS or _INITIALS.fullmatch(word) is not None
    return not (is_list_number or is_numbered or is_abbreviation)
