"""Questions about passages, in the JSON of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018)."""

import json
import unicodedata
from pathlib import Path
from typing import Any

from bothways.errors import DataError
from bothways.records.cells import text_in
from bothways.records.contents import text_of
from bothways.records.reading import BadRow, Reading
from bothways.records.types import Answer, QuestionRecord


def read_questions(path: Path, reading: Reading, labelled: bool = True) -> list[QuestionRecord]:
    """Return the good questions of a file; one whose gold span is not in its passage is bad.

    A span that stands elsewhere in the passage, and only there, is moved. A question without a gold span is
    unanswerable if it says so (`is_impossible`), else bad, unless `labelled` is unset. Raises `DataError` for
    a file of another layout.
    """
    try:
        articles = json.loads(text_of(path), strict=False)["data"]
        paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
        asked = [
            (paragraph["context"], question) for paragraph in paragraphs for question in paragraph["qas"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            f"{path} is not in SQuAD's layout (data, paragraphs, context and qas): {error!r}; write it so"
        ) from None
    numbered = [(str(number), *each) for number, each in enumerate(asked, start=1)]
    records = reading.good(numbered, lambda each: _record(reading.file, each, labelled))
    unanswerable = sum(not record.answers for record in records)
    if unanswerable and labelled:
        reading.notes.append(f"{unanswerable:,} of the questions are unanswerable")
    return records


def _record(file: str, asked: tuple[str, Any, Any], labelled: bool) -> QuestionRecord:
    number, passage, item = asked
    question = item if isinstance(item, dict) else {}
    identifier, text = text_in(question.get("id")) or number, text_in(question.get("question"))
    where = f"{file}, question {identifier}"
    if not text or not isinstance(passage, str) or not passage.strip():
        raise BadRow(where, "the question or its passage is empty")
    is_impossible = bool(question.get("is_impossible"))
    golds = [] if is_impossible else question.get("answers") or []
    if not isinstance(golds, list):
        raise BadRow(where, "the gold spans are no list of text and answer_start", repr(golds))
    if labelled and not golds and not is_impossible:
        raise BadRow(where, "there is no gold span, and the question is not marked is_impossible")
    answers = tuple(_span(where, passage, gold) for gold in golds)
    return QuestionRecord(where, identifier, text, _composed(passage), answers)


def _span(where: str, passage: str, gold: Any) -> Answer:
    """Return the gold span in the composed passage."""
    text = gold.get("text") if isinstance(gold, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise BadRow(where, "the gold span is empty")
    start = gold.get("answer_start")
    if not isinstance(start, int) or start < 0 or not passage.startswith(text, start):
        start = passage.find(text)
        if start < 0:
            raise BadRow(where, "the gold span is not in the passage", repr(text))
        if passage.find(text, start + 1) >= 0:
            raise BadRow(where, "the gold span is not at its start, but in several other places", repr(text))
    # Composing characters moves what follows; pretraining has read composed text.
    return Answer(_composed(text), len(_composed(passage[:start])))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
