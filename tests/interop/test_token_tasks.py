"""A tagger and a reader of ours are models of transformers: same rows, same names, same logits, and back again."""

import json

import numpy as np
import pytest
import torch
import transformers
from task_models import FAMILY_CASES, built_for, our_outputs, reader_for, their_model
from their_models import BERT, SECOND, SENTENCE, XLNET

from bothways.interop.folder import read_model, write_model
from bothways.records.types import QuestionRecord, TaggedRecord
from bothways.tasks.answer import AnswerSettings
from bothways.tasks.answering import predict
from bothways.tasks.tag import TagSettings

SENTENCES = [TaggedRecord("", tuple(text.split())) for text in (SENTENCE, "nobody", SECOND)]
QUESTIONS = [
    QuestionRecord("", "", "who knows", SENTENCE),
    QuestionRecord("", "", "dogs", f"{SECOND} {SENTENCE}"),
]
TASKS = {
    "tag": (TagSettings(labels=("O", "B-ANIMAL", "I-ANIMAL"), entities=True), SENTENCES),
    "answer": (AnswerSettings(no_answer=True, threshold=1.5), QUESTIONS),
}


@pytest.fixture
def written(tokenizers, tmp_path):
    def write(case, settings):
        model = built_for(case, tokenizers[case.tokenizer], settings)
        write_model(tmp_path, model, model.objective.settings, (), facts={"name": "mine"})
        return tmp_path, model

    return write


def their_rows(folder, layout, kind):
    """Return the padded batch that the folder's own tokenizer makes of the records."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    settings = {"return_tensors": "pt", "padding": True}
    if kind == "tag":
        return tokenizer([list(record.words) for record in SENTENCES], is_split_into_words=True, **settings)
    questions, passages = [each.question for each in QUESTIONS], [each.passage for each in QUESTIONS]
    both = (questions, passages) if layout == "cls_first" else (passages, questions)
    return tokenizer(*both, **settings)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_transformers_computes_the_same_logits_of_the_same_rows(case, kind, written):
    settings, records = TASKS[kind]
    folder, model = written(case, settings)
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    theirs, missing, unexpected = their_model(folder, architecture)
    assert not missing
    assert not unexpected

    rows = their_rows(folder, model.layout, kind)
    with torch.no_grad():
        said = theirs(**rows)
    logits = said.logits if kind == "tag" else torch.stack([said.start_logits, said.end_logits], dim=-1)
    is_real = rows["attention_mask"].bool()
    for ours, theirs_of_row, real in zip(our_outputs(model, records), logits, is_real, strict=True):
        np.testing.assert_allclose(ours, theirs_of_row[real].numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("case", FAMILY_CASES, ids=str)
def test_a_written_task_is_read_back(case, kind, written):
    settings, records = TASKS[kind]
    folder, model = written(case, settings)
    again, missing = read_model(folder)
    assert not missing
    assert again.objective.settings == model.objective.settings
    for ours, back in zip(our_outputs(model, records), our_outputs(again, records), strict=True):
        assert np.array_equal(ours, back)


def test_the_pipeline_gives_the_labels_of_words(written):
    folder, model = written(BERT, TASKS["tag"][0])
    pipe = transformers.pipeline("token-classification", model=str(folder), device="cpu", ignore_labels=[])
    says = {token["start"]: token["entity"] for token in pipe(SENTENCE)}
    starts = [sum(len(word) + 1 for word in SENTENCE.split()[:number]) for number in range(5)]
    (ours,) = predict(model.objective, model.encoder, SENTENCES[:1], reader_for(model))
    assert [says[start] for start in starts] == ours["labels"]


@pytest.mark.parametrize("case", [BERT, XLNET], ids=str)
def test_the_class_on_the_model_card_loads_a_reader(case, written):
    folder, _ = written(case, TASKS["answer"][0])
    assert "AutoModelForQuestionAnswering" in (folder / "README.md").read_text()
    auto = transformers.AutoModelForQuestionAnswering.from_pretrained(folder, local_files_only=True)
    assert type(auto).__name__ == json.loads((folder / "config.json").read_text())["architectures"][0]
