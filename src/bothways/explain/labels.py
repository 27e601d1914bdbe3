"""What the page says of each objective."""

from typing import TypedDict


class Label(TypedDict):
    """Words beside an objective's pictures."""

    title: str
    models: str
    text: str
    remembers: bool
    """Whether encoders that it goes with keep a memory."""


LABELS: dict[str, Label] = {
    "masked": {
        "title": "Masked",
        "models": "BERT, RoBERTa; with memory, on the encoder of Transformer-XL",
        "text": "The predicted words are replaced by [MASK]. Every position sees every other, both ways. All blanks "
        "are filled at once, so no blank knows what another one says.",
        "remembers": True,
    },
    "causal": {
        "title": "Causal",
        "models": "GPT; with memory, Transformer-XL",
        "text": "Every position sees itself and what stands before it, and predicts the word after it. Nothing that "
        "stands to the right is ever used.",
        "remembers": True,
    },
    "permutation": {
        "title": "Permutation",
        "models": "XLNet",
        "text": "The words stay; an order is drawn. A content state sees its own word and those earlier in the order. "
        "A query stands at the same place and sees the earlier ones only: it predicts the word it must not see.",
        "remembers": True,
    },
    "mpnet": {
        "title": "Masked and permuted",
        "models": "MPNet",
        "text": "A permutation in which the places of words still to come are not forgotten: each has a [MASK] that "
        "stands for it and leaves once the word may be read. So a query sees something at every place.",
        "remembers": False,
    },
}
