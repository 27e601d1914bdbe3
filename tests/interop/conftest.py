import pytest
import torch
from their_models import LINES, Case, built

from bothways.interop.folder import write_model
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer


@pytest.fixture(scope="session")
def tokenizers():
    """One small tokenizer of each kind."""
    kinds = {kind: TokenizerSettings(kind=kind) for kind in ("wordpiece", "unigram", "bpe")}
    kinds["mpnet"] = TokenizerSettings(specials="mpnet")
    return {kind: train_tokenizer(LINES, settings) for kind, settings in kinds.items()}


@pytest.fixture
def written(tokenizers, tmp_path):
    """Build a model with random weights and write it, as a function."""

    def write(case: Case, name: str = "model"):
        torch.manual_seed(0)
        model, objective, extras = built(case, tokenizers[case.tokenizer])
        folder = tmp_path / name
        folder.mkdir()
        write_model(folder, model, objective, extras, facts={"name": "a | b", "seed": 1})
        return folder, model

    return write
