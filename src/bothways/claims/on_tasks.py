"""The claims about training on tasks, by name; they make their own text and records, and train in memory."""

from bothways.claims.base import Claim
from bothways.claims.multi_task import MULTI_TASK
from bothways.claims.next_sentence import NEXT_SENTENCE
from bothways.claims.static_words import STATIC_WORDS

TASKS: dict[str, Claim] = {
    "next_sentence": NEXT_SENTENCE,
    "static_words": STATIC_WORDS,
    "multi_task": MULTI_TASK,
}
