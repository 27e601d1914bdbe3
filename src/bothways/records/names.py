"""How people call their columns, in lower case; where several are there, the earlier one is meant."""

PAIRS = (
    ("sentence1", "sentence2"),
    ("sentence_a", "sentence_b"),
    ("text_a", "text_b"),
    ("text1", "text2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("query", "passage"),
    ("query", "document"),
    ("anchor", "positive"),
    ("#1 string", "#2 string"),
    ("text", "pair"),
)
TEXTS = (
    "text",
    "sentence",
    "review",
    "content",
    "document",
    "comment",
    "tweet",
    "query",
    "question",
    "title",
)
LABELS = (
    "label",
    "labels",
    "category",
    "class",
    "score",
    "similarity",
    "similarity_score",
    "gold_label",
    "target",
    "sentiment",
    "intent",
    "topic",
    "rating",
    "stars",
    "is_duplicate",
    "quality",
)
WORDS = ("words", "tokens", "text", "characters")
TAGS = ("labels", "label", "tags", "ner_tags", "pos_tags")
CHOICES = ("options", "choices")
ANSWERS = ("answer", "answers", "label", "answerkey")

KNOWN = frozenset(
    {
        *(name for pair in PAIRS for name in pair if name != "positive"),
        *TEXTS,
        *LABELS,
        *WORDS,
        *TAGS,
        *ANSWERS,
    }
)
"""A first row that holds one of these is a header. `positive` is a label, and its column stands beside an `anchor`."""
