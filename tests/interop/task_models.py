"""Fine-tuned models of every family with random weights, and what `transformers` makes of their folders."""

import dataclasses
from typing import Any

import numpy as np
import torch
import transformers
from their_models import BERT, ELECTRA, GPT2, MODERN, MPNET, ROBERTA, XLNET, Case, built

from bothways.interop.folder import Model
from bothways.model.backbones import offers_of
from bothways.tasks import Task, TaskSettings, build_task
from bothways.tasks.answering import outputs_of
from bothways.tasks.rows import Reader

FAMILY_CASES = [BERT, ROBERTA, ELECTRA, MPNET, MODERN, GPT2, XLNET]
"""One of each family that `transformers` has a class for."""


def family_of_case(case: Case) -> str:
    return case.variant or case.backbone


def built_for(case: Case, tokenizer: Any, settings: TaskSettings) -> Model:
    """Return a model of a task with random weights (biases too)."""
    torch.manual_seed(0)
    model, _, _ = built(case, tokenizer)
    known = {"layout": model.layout, "is_causal": case.objective == "causal"}
    task = build_task(settings.model_copy(update=known), model.vocabulary, model.encoder)
    with torch.no_grad():
        for name, parameter in task.named_parameters():
            parameter.normal_(1.0 if "norm.weight" in name else 0.0, 0.2)
    return dataclasses.replace(model, objective=task.eval())


def reader_for(model: Model) -> Reader:
    """Return how the model reads the texts of its task."""
    task = model.objective
    assert isinstance(task, Task)
    has_segments = "segments" in offers_of(model.encoder.settings)
    return Reader(model.tokenizer, model.vocabulary, model.layout, has_segments, task.settings.length)


def our_outputs(model: Model, records: list[Any]) -> list[np.ndarray]:
    """Return what our model says of each record, one item each."""
    reader = reader_for(model)
    items = [item for record in records for item in model.objective.items(record, reader)]
    return outputs_of(model.objective, model.encoder, items)


def their_model(folder, architecture: str):
    """Load a folder into its class; every name must be there, and no other."""
    kind = getattr(transformers, architecture)
    model, info = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    return model.eval(), set(info["missing_keys"]), set(info["unexpected_keys"])


def their_encoding(folder, *texts: list[str]):
    """Return a padded batch as the folder's own tokenizer lays it out."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer(*texts, return_tensors="pt", padding=True)
