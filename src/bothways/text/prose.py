"""From a documentation string to paragraphs that read like English.

Code, tables, headings, signatures, formulas and lists of names are dropped; the marks of reStructuredText,
NumPy and Google style and Markdown are removed; wrapped lines are joined. What is left of a paragraph is the
sentences that pass `is_sentence`: better to lose some prose than to keep what is none.
"""

import inspect
import re
from collections.abc import Iterator

from bothways.text.sentences import split_sentences

_UNDERLINE = re.compile(r"\s*([=\-~^*#+_\".`:'])\1{2,}\s*$")
_DIRECTIVE = re.compile(r"\s*\.\. ")
_SPOKEN = re.compile(
    r"\s*\.\. (note|warning|important|tip|caution|attention|seealso|hint|admonition|deprecated)"
)
_TABLE = re.compile(r"\s*(\+[-=+]+|\|.*\|)\s*$|\s*[=-]{3,}\s+[=-]{3,}")
_SECTION = re.compile(r"^\s*[A-Z]\w+(?: \w+)?:{1,2}\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\(?\w[.)]|\d+[.)])\s+")
_FIELD = re.compile(r"^\s*(?::[a-z]+\b[^:`]*:(?!`)|@\w+)\s*")
_ARGUMENT = re.compile(
    r"^\s*[*`]{0,4}[A-Za-z_][\w.]*[`*]{0,2}(?:,\s\*{0,2}\w+)*\s*(?:\([^)]*\)+)?`{0,2}\s*(?:--?|:)\s+"
)

_MARKED = re.compile(r"[`*$\[]")
_MARKUP = [
    (re.compile(r":math:`(\w{1,3})`"), r"\1"),
    (re.compile(r":math:`[^`]*`|\$[^$]+\$"), r"\\"),  # a backslash marks the sentence as a formula
    (re.compile(r":[\w:+.-]+:`[~!]?([^`<]*?)\s*(?:<[^`>]*>)?`"), r"\1"),
    (re.compile(r"`([^`<]+?)\s*<[^`>]+>`_*"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\((?:https?:|#)[^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\[[^\]]*\]"), r"\1"),
    (re.compile(r"`+([^`]*)`+_*"), r"\1"),
    (re.compile(r"(?<![\w*])\*{1,2}([^\s*][^*]*?)\*{1,2}(?![\w*])"), r"\1"),
    (re.compile(r"\s*\[[\w\s,]*\d\]_?(?=[\s.,;)]|$)"), ""),
]
_SPACES = [
    (re.compile(r"\s{2,}"), " "),
    (re.compile(r" (?=[.,;:!?)](?:\s|$))"), ""),
]

_CODE_MARKS = re.compile(
    r"[\\{}<>=|@#$%^&*~\[\]]|https?:|>>>|\.\.\s|::|__|\(\)\.|[^\x00-\u024f\u2010-\u2026]"
)
_CODE_WORD = re.compile(r"\w*[_./]\w+|\w+\(.*|\w*[a-z][A-Z]\w*|\W*\d\S*|[^\w\s]+")
_CODE = re.compile(r"\w[_./(]|[a-z][A-Z]|\d|(?<!\S)[^\w\s]")
"""Without a match of this, no word is one of code."""
_WORD = re.compile(r"(?<!\S)[.,;:()\"']*([a-z]+)[.,;:()\"']*(?!\S)")
_NO_LETTER = re.compile(r"[^\w ]|[\d_]")
_COMMON = frozenset(
    "the a an of to in is are and or be this that for with as by on it not if can will when from which have "
    "has was at all any you we its but should may must into than then only used there these they does "
    "do no so such where each also use one other were would been how what".split()
)
_LEAST_WORDS, _MOST_WORDS = 5, 100


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a documentation string as lines of whole English sentences."""
    blocks = (" ".join(line.strip() for line in block) for block in _blocks(inspect.cleandoc(text)))
    cleaned = (_sentences_of(_plain(block)) for block in blocks)
    return [paragraph for paragraph in cleaned if paragraph]


def is_sentence(text: str) -> bool:
    """Whether a text looks like one sentence of English rather than code, a name or a formula."""
    words = text.split()
    if not _LEAST_WORDS <= len(words) <= _MOST_WORDS or text[-1:] not in ".!?:\"')":
        return False
    marks = _CODE_MARKS.findall(text)
    if marks and (len(marks) > 1 or marks[0] not in "*%&#[]"):
        return False
    common = sum(word in _COMMON for word in _WORD.findall(text.lower()))
    code = sum(_CODE_WORD.fullmatch(word) is not None for word in words) if _CODE.search(text) else 0
    is_english = common >= max(1, len(words) // 8) and 4 * code <= len(words)
    is_lettered = len(_NO_LETTER.findall(text)) <= 0.12 * len(text)
    return is_english and is_lettered and text.count("(") == text.count(")")


def _sentences_of(paragraph: str) -> str:
    kept = [_begun(sentence) for sentence in split_sentences(paragraph) if is_sentence(sentence)]
    return " ".join(kept)


def _begun(sentence: str) -> str:
    """Begin with a capital letter, where the first word is a word and not a name from code."""
    first = sentence.split(maxsplit=1)[0]
    return sentence[0].upper() + sentence[1:] if first.isalpha() and first.islower() else sentence


def _plain(block: str) -> str:
    """Remove the markup of a paragraph, and the name or field that it begins with."""
    block = _FIELD.sub("", _ITEM.sub("", block, count=1), count=1)
    for pattern, replacement in _MARKUP if _MARKED.search(block) else []:
        block = pattern.sub(replacement, block)
    for pattern, replacement in _SPACES:
        block = pattern.sub(replacement, block)
    return _ARGUMENT.sub("", block, count=1).strip()


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the paragraphs of a text as lists of lines: code, tables and headings are left out."""
    block: list[str] = []
    depth = 0
    for line in _without_code(text.split("\n")):
        indent = _indent(line)
        is_start = _ITEM.match(line) or _FIELD.match(line) or _ARGUMENT.match(line)
        is_hanging = len(block) == 1 and indent > depth and _may_hang(block[0])
        if block and (not line.strip() or is_start or (indent != depth and not is_hanging)):
            yield block
            block = []
        if line.strip():
            block.append(line)
            depth = indent
    if block:
        yield block


def _may_hang(line: str) -> bool:
    """Whether deeper lines continue this one; below NumPy's `name : type` they are a paragraph of their own."""
    return bool(_ITEM.match(line) or _FIELD.match(line) or (_ARGUMENT.match(line) and " : " not in line))


def _without_code(lines: list[str]) -> Iterator[str]:
    """Pass on the lines that may be prose; a blank line stands for what was dropped."""
    skipped_below: int | None = None  # lines indented deeper than this belong to code
    in_fence = in_session = False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        indent, is_blank = _indent(line), not line.strip()
        if skipped_below is not None and not is_blank and indent <= skipped_below:
            skipped_below = None
        in_session = (in_session or line.lstrip().startswith(">>>")) and not is_blank
        is_fence = line.lstrip().startswith(("```", "~~~"))
        in_fence ^= is_fence
        is_heading = _UNDERLINE.match(following) is not None and not is_blank
        is_code = is_fence or in_fence or in_session or skipped_below is not None
        if is_blank or is_code or is_heading or _is_layout(line):
            yield ""
        elif _DIRECTIVE.match(line):
            skipped_below = None if _SPOKEN.match(line) else indent
            yield ""
        else:
            skipped_below = indent if line.rstrip().endswith("::") else None
            yield line.rstrip().removesuffix("::") + ":" if skipped_below is not None else line


def _is_layout(line: str) -> bool:
    """Whether a line is an underline, a table's row, or a section's name such as `Args:`."""
    return bool(_UNDERLINE.match(line) or _TABLE.match(line) or _SECTION.match(line))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
