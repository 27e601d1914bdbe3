"""What a fine-tuned model is called in `transformers`: its class, the names of its head, and what its config says.

The encoder's names are those of its family; these rows come before them, because a head may have begun as a part of the
pretrained model (BERT's pooler, ModernBERT's head). What a family has no class for is written under our names.
"""

from dataclasses import dataclass
from typing import Any

from bothways.config import Settings
from bothways.model.names import Names, Row, linear
from bothways.tasks import TaskSettings

Config = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """A task's class in one family."""

    architecture: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Purpose:
    """What there is to say of a class of `transformers` on a model card."""

    load: str
    """The class to load the folder with."""
    pipeline: str
    note: str


PURPOSES: dict[str, Purpose] = {
    # By what was trained: the class to load with is the same for every family.
    "classify": Purpose(
        "AutoModelForSequenceClassification",
        "text-classification",
        '`pipeline("text-classification", model=".")` gives the label of a text.',
    ),
    "regress": Purpose(
        "AutoModelForSequenceClassification",
        "text-classification",
        "Its one logit is a number in deviations from the mean of the training records: multiply it by `unit` and add "
        "`center`, which stand in `config.json` under `bothways`.",
    ),
    "tag": Purpose(
        "AutoModelForTokenClassification",
        "token-classification",
        '`pipeline("token-classification", model=".")` gives a label for each token: that of a word is its first '
        "token's, or, where the model reads from the left, its last one's.",
    ),
    "answer": Purpose(
        "AutoModelForQuestionAnswering",
        "question-answering",
        "Question and passage make one row, in that order; XLNet's (`XLNetForQuestionAnsweringSimple`) begins with the "
        "passage. Where there may be no answer, the slot of CLS scores that, and `threshold` stands in `config.json` "
        "under `bothways`.",
    ),
    "choose": Purpose(
        "AutoModelForMultipleChoice",
        "multiple-choice",
        "Its inputs are [questions, choices, tokens]. About a passage, the second text is the question with the choice "
        "after it, or in its first blank (`_`); without one, the texts are the question and the choice.",
    ),
    "embed": Purpose(
        "AutoModel",
        "sentence-similarity",
        'It is a folder of `sentence-transformers`, too: `SentenceTransformer(".").encode(texts)` gives the vector of '
        "each text; alike are those whose cosine is high. A pooler that `AutoModel` reports as missing is not used.",
    ),
    "several": Purpose(
        "AutoModel",
        "feature-extraction",
        "This is the encoder that several tasks share. Their heads stand in `bothways.safetensors`, and "
        "`bothways predict . FILE --as TASK` asks them.",
    ),
}


def _summary(architecture: str, features: str, classifier: str) -> Head:
    return Head(
        architecture,
        (*linear("objective.features.dense", features), *linear("objective.classifier", classifier)),
    )


def _plain(architecture: str, classifier: str) -> Head:
    return Head(architecture, linear("objective.classifier", classifier))


def _modern(architecture: str) -> Head:
    return Head(
        architecture,
        (
            ("objective.features.dense.weight", "head.dense.weight", "same"),
            ("objective.features.norm.weight", "head.norm.weight", "same"),
            *linear("objective.classifier", "classifier"),
        ),
    )


def _family(**heads: Head) -> dict[str, Head]:
    """Return the heads of a family by task; a number is predicted by the class that predicts labels."""
    return {**heads, "regress": heads["classify"]}


HEADS: dict[str, dict[str, Head]] = {
    "bert": _family(
        classify=_summary("BertForSequenceClassification", "bert.pooler.dense", "classifier"),
        tag=_plain("BertForTokenClassification", "classifier"),
        answer=_plain("BertForQuestionAnswering", "qa_outputs"),
        choose=_summary("BertForMultipleChoice", "bert.pooler.dense", "classifier"),
    ),
    "roberta": _family(
        classify=_summary("RobertaForSequenceClassification", "classifier.dense", "classifier.out_proj"),
        tag=_plain("RobertaForTokenClassification", "classifier"),
        answer=_plain("RobertaForQuestionAnswering", "qa_outputs"),
        choose=_summary("RobertaForMultipleChoice", "roberta.pooler.dense", "classifier"),
    ),
    "electra": _family(
        classify=_summary("ElectraForSequenceClassification", "classifier.dense", "classifier.out_proj"),
        tag=_plain("ElectraForTokenClassification", "classifier"),
        answer=_plain("ElectraForQuestionAnswering", "qa_outputs"),
        choose=_summary("ElectraForMultipleChoice", "sequence_summary.summary", "classifier"),
    ),
    "mpnet": _family(
        classify=_summary("MPNetForSequenceClassification", "classifier.dense", "classifier.out_proj"),
        tag=_plain("MPNetForTokenClassification", "classifier"),
        answer=_plain("MPNetForQuestionAnswering", "qa_outputs"),
        choose=_summary("MPNetForMultipleChoice", "mpnet.pooler.dense", "classifier"),
    ),
    "modern": _family(
        classify=_modern("ModernBertForSequenceClassification"),
        tag=_modern("ModernBertForTokenClassification"),
        answer=_modern("ModernBertForQuestionAnswering"),
        choose=_modern("ModernBertForMultipleChoice"),
    ),
    "gpt2": _family(
        classify=_plain("GPT2ForSequenceClassification", "score"),
        tag=_plain("GPT2ForTokenClassification", "classifier"),
        answer=_plain("GPT2ForQuestionAnswering", "qa_outputs"),
    ),
    "transformer_xl": _family(
        classify=_summary("XLNetForSequenceClassification", "sequence_summary.summary", "logits_proj"),
        tag=_plain("XLNetForTokenClassification", "classifier"),
        answer=_plain("XLNetForQuestionAnsweringSimple", "qa_outputs"),
        choose=_summary("XLNetForMultipleChoice", "sequence_summary.summary", "logits_proj"),
    ),
}
"""Family → task → its class."""


def head_of(family: str, task: TaskSettings) -> Head | None:
    """Return a task's class in a family, or None where it has none."""
    if getattr(task, "head", "linear") != "linear":
        return None
    return HEADS.get(family, {}).get(task.kind)


def with_head(names: Names, family: str, task: TaskSettings) -> Names:
    """Return the names of a fine-tuned model."""
    head = head_of(family, task)
    if head is None:
        return names
    first, *others = names.rows  # an encoder's names begin as its first one does
    return Names((first, *head.rows, *others))


def config_of(objective: Settings) -> Config:
    """Return what `config.json` says of a task, whatever its family; of what is no task, nothing."""
    if not isinstance(objective, TaskSettings):
        return {}
    config: Config = {"classifier_dropout": objective.dropout}
    if objective.kind == "regress":
        config |= {"num_labels": 1, "problem_type": "regression"}
    if (labels := getattr(objective, "labels", None)) is not None:
        config |= {
            "id2label": {str(number): label for number, label in enumerate(labels)},
            "label2id": {label: number for number, label in enumerate(labels)},
        }
    if objective.kind == "classify":
        config |= {"problem_type": "single_label_classification"}
    return config
