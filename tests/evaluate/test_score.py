import numpy as np
import pytest
from pydantic_core import from_json, to_json
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from toy_language import LENGTH, VOCABULARY, ToyObjective, toy_subject, toy_windows

from bothways.evaluate.score import held_out_table, score_documents, score_texts
from bothways.evaluate.settings import EvaluationSettings
from bothways.evaluate.unigram import unigram_nats
from bothways.evaluate.windows import Documents
from bothways.evaluate.words import select_words, tokens_of, word_nats

SETTINGS = EvaluationSettings(
    tokens=30, spans=10, left_to_right_tokens=40, words=30, window=LENGTH + 2, pool_tokens=200
)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "##s"]


def word_tokenizer():
    built = Tokenizer(models.WordPiece({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return built


def letter_tokenizer():
    """Splits words into other pieces than `word_tokenizer` does, and puts spaces into its tokens."""
    built = Tokenizer(models.BPE({"▁": 0, **{letter: 1 + i for i, letter in enumerate("redbluso")}}, []))
    built.normalizer = normalizers.NFC()
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    return built


def texts(count=10):
    """Documents of six tokens each."""
    rng = np.random.default_rng(0)
    return [f"red {rng.choice(['reds', 'blues'])} {rng.choice(['reds', 'blues'])} blue" for _ in range(count)]


def test_a_text_is_scored_as_its_tokens_are():
    subject = toy_subject()
    tokens = [np.array(word_tokenizer().encode(text).ids, dtype=np.int32) for text in texts()]
    from_text = score_texts(subject, word_tokenizer(), texts(), SETTINGS)
    from_tokens = score_documents(subject, Documents(tokens), SETTINGS)
    assert from_text.measurements[:-1] == from_tokens.measurements
    assert from_text.measurements[-1].key == "word_nats_per_character"


def test_whole_words_are_paid_for_once_and_divided_by_their_characters():
    subject = toy_subject()
    words = select_words(texts(), 30, seed=0)
    result = word_nats(subject, word_tokenizer(), words, limit=LENGTH, seed=0, rows=8)
    pairs = [tokens_of(word, word_tokenizer()) for word in words]
    nats = [subject.objective.joint(tokens, positions) for tokens, positions in pairs]
    characters = sum(word.end - word.begin for word in words)
    assert result.characters.sum() == characters
    assert result.nats.sum() == pytest.approx(sum(nats), rel=1e-4)


def test_the_words_are_the_same_for_every_tokenizer():
    words = select_words(texts(), 12, seed=0)
    assert words == select_words(texts(), 12, seed=0)
    for word in words:
        hidden = word.text[word.begin : word.end]
        for tokenizer in (word_tokenizer(), letter_tokenizer()):
            tokens, positions = tokens_of(word, tokenizer)
            pieces = [tokenizer.id_to_token(int(tokens[position])) for position in positions]
            assert "".join(pieces).replace("##", "").replace("▁", "") == hidden


def test_words_with_an_unknown_token_are_left_out_and_not_counted():
    words = select_words(["red green blue"], 3, seed=0)
    green = [word for word in words if word.text[word.begin : word.end] == "green"]
    assert word_nats(toy_subject(), word_tokenizer(), green, limit=6, seed=0, rows=8) is None
    assert select_words(["alone", ""], 3, seed=0) == []


def test_a_window_longer_than_the_model_reads_keeps_the_tokens_around_the_word():
    words = select_words(["red blue " * 15], 30, seed=0)
    result = word_nats(toy_subject(), word_tokenizer(), words, limit=LENGTH, seed=0, rows=8)
    assert result.characters.sum() == 15 * len("redblue")
    assert word_nats(toy_subject(), letter_tokenizer(), words, limit=2, seed=0, rows=8) is None


def test_no_more_documents_are_read_than_the_pool_holds():
    def endless():
        while True:
            yield "red blues blue reds"

    score = score_texts(toy_subject(), word_tokenizer(), endless(), SETTINGS)
    assert score.tokens <= 200


def test_a_score_can_be_printed_and_written_as_json():
    nats = unigram_nats(Documents(toy_windows(5)), VOCABULARY)
    score = score_documents(toy_subject(), Documents(toy_windows(12)), SETTINGS, nats)
    lines = score.lines()
    row = next(line for line in lines if "leave one out" in line)
    assert f"{score.measurements[0].model.mean:.3f} ±" in row
    assert f"{score.measurements[0].unigram.mean:.3f} ±" in row
    assert "72 tokens in 12 windows of at most 8 tokens" in lines[-1]
    written = from_json(to_json(score))
    assert written["measurements"][0]["key"] == "leave_one_out_nats"
    assert written["measurements"][0]["model"]["count"] == 30


def test_a_table_of_models_shows_a_dash_where_a_measure_is_not_defined():
    documents = Documents(toy_windows(12))
    both = score_documents(toy_subject(), documents, SETTINGS).measurements
    masked = ToyObjective(["leave one out", "joint spans"])
    one = score_documents(toy_subject(objective=masked), documents, SETTINGS).measurements
    table = held_out_table({"BERT": one, "XLNet": both})
    assert [column.header for column in table.columns] == ["measure", "unigram", "BERT", "XLNet"]
    cells = {row[0]: row[1:] for row in zip(*(list(column.cells) for column in table.columns), strict=True)}
    assert cells["left to right, nats per token"][:2] == ("–", "–")
    assert "±" in cells["left to right, nats per token"][2]
    assert not any("memory" in title for title in cells)
