"""Models written to a folder and asked from there, with real tokenizers."""

import numpy as np
import pytest
import torch

from bothways.errors import UsageError
from bothways.evaluate.asking import Subject
from bothways.evaluate.fill import fill_blanks
from bothways.evaluate.score import score_texts
from bothways.evaluate.settings import EvaluationSettings
from bothways.evaluate.unigram import unigram_nats
from bothways.evaluate.windows import Documents
from bothways.interop.folder import Model, read_model, write_model
from bothways.model.backbones import build_encoder
from bothways.model.backbones.bert import BertSettings
from bothways.model.backbones.transformer_xl import TransformerXLSettings
from bothways.model.initialise import initialise
from bothways.objectives import build_objective
from bothways.objectives.masked import MaskedSettings
from bothways.objectives.permutation import PermutationSettings
from bothways.text.tokenizer import TokenizerSettings, train_tokenizer, vocabulary_of

SHAPE = {"layers": 2, "width": 32, "heads": 2, "feed_forward": 64}
SENTENCE = "the quick [?] jumps [?] the lazy dog"
LINES = [f"the quick brown fox jumps over the lazy dog {number} times a day ." for number in range(40)]
SETTINGS = EvaluationSettings(tokens=20, spans=4, left_to_right_tokens=50, words=6, window=40)

CASES = {
    "bert": ("wordpiece", BertSettings(**SHAPE, max_positions=40), MaskedSettings(), "cls_first"),
    "xlnet": ("unigram", TransformerXLSettings(**SHAPE, memory=20), PermutationSettings(), "cls_last"),
}


@pytest.fixture(scope="module", params=CASES)
def written(request, tmp_path_factory):
    kind, shape, objective_settings, layout = CASES[request.param]
    torch.manual_seed(0)
    tokenizer = train_tokenizer(LINES, TokenizerSettings(kind=kind))
    vocabulary = vocabulary_of(tokenizer)
    encoder = build_encoder(shape, vocabulary)
    objective = build_objective(objective_settings, [], vocabulary, encoder)
    for module in (encoder, objective):
        initialise(module, 0.3)
    model = Model(encoder, objective, tokenizer, vocabulary, layout)
    folder = tmp_path_factory.mktemp(request.param)
    write_model(folder, model, objective_settings, [], facts={})
    return model, read_model(folder)[0]


def subject_of(model):
    return Subject(model.encoder, model.objective, model.vocabulary, model.layout)


def test_blanks_are_filled_the_same_from_the_folder(written):
    model, loaded = written
    filled = fill_blanks(subject_of(loaded), loaded.tokenizer, SENTENCE)
    assert filled == fill_blanks(subject_of(model), model.tokenizer, SENTENCE)
    assert len(filled.independent) == 2
    assert len(filled.joint) == 8
    chances = [filling.probability for filling in filled.joint]
    assert chances == sorted(chances, reverse=True)
    assert filled.joint[0].sentence.startswith("the quick")


def test_text_is_scored_the_same_from_the_folder_beside_the_unigram(written):
    model, loaded = written
    encode = model.tokenizer.encode
    train = Documents([np.array(encode(line, add_special_tokens=False).ids) for line in LINES])
    unigram = unigram_nats(train, model.vocabulary)
    first, second = (score_texts(subject_of(one), one.tokenizer, LINES, SETTINGS, unigram) for one in written)
    assert first == second
    found = {item.key: item for item in first.measurements}
    assert found["leave_one_out_nats"].unigram.mean < np.log(model.vocabulary.size)
    assert found["word_nats_per_character"].model.mean > 0
    assert (found["left_to_right_memory_nats"].model is not None) == ("orders" in loaded.objective.answers)


def test_the_memory_of_the_evaluation_takes_the_place_of_that_of_training(written):
    model, _ = written
    texts = [" ".join(LINES)] * 2
    changes = {"memory": 60, "clamp": 30, "same_length": True}
    settings = SETTINGS.model_copy(update=changes)
    if not model.encoder.memory_length:
        with pytest.raises(UsageError, match="which this model does not keep"):
            score_texts(subject_of(model), model.tokenizer, texts, settings)
        return
    other = build_encoder(TransformerXLSettings(**SHAPE, **changes), model.vocabulary)
    other.load_state_dict(model.encoder.state_dict())
    subjects = [subject_of(model), Subject(other, model.objective, model.vocabulary, model.layout)]
    asked, trained = (
        {item.key: item.model for item in score_texts(subject, model.tokenizer, texts, said).measurements}
        for subject, said in zip(subjects, (settings, SETTINGS), strict=True)
    )
    plain = {
        item.key: item.model
        for item in score_texts(subjects[0], model.tokenizer, texts, SETTINGS).measurements
    }
    key = "left_to_right_memory_nats"
    assert asked[key] == trained[key] != plain[key]
    assert asked["left_to_right_nats"] == plain["left_to_right_nats"]
    assert model.encoder.memory_length == 20


def test_a_sentence_without_a_blank_is_refused(written):
    with pytest.raises(UsageError, match="no blank"):
        fill_blanks(subject_of(written[0]), written[0].tokenizer, "nothing to fill")
