"""Tokenizers: the same every time, the same in `transformers`, and told apart by words."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from bothways.errors import DataError
from bothways.text import learn
from bothways.text.sample import count_characters, num_frequent_words, take_sample
from bothways.text.tokenizer import (
    TokenizerSettings,
    load_tokenizer,
    train_tokenizer,
    vocabulary_of,
    with_layout,
    write_tokenizer,
)
from bothways.text.unigram import XLNET_SPECIALS

WORDS = (
    "the quick brown fox jumps over a lazy dog while São Paulo's café (and Zoë) isn't “open” in 1999".split()
)
TEXTS = [
    " ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 40)) + "." for number in range(200)
]
TEXTS += ["中文 字符 Привет мир naïve Ünïcode"] * 20
TEXTS += [f"{first}{second}ing {second}{first}ed" for first in WORDS[:9] for second in WORDS[:9]]
SAMPLE = "The Café in São Paulo isn't OPEN; Zoë said: “No (way)!” 中文 Привет"
KINDS = ("wordpiece", "unigram", "bpe", "word")


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
    return train_tokenizer(TEXTS, TokenizerSettings(kind=request.param))


@pytest.mark.parametrize("kind", KINDS)
def test_learning_twice_gives_the_same_tokenizer(kind):
    settings = TokenizerSettings(
        kind=kind, vocabulary=350 if kind == "bpe" else 150, lowercase=kind == "wordpiece"
    )
    first, second = (train_tokenizer(TEXTS, settings).to_str() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [320, 330])
def test_the_vocabulary_has_the_size_that_was_asked_for(kind, size):
    if kind != "bpe":
        size -= 150
    trained = train_tokenizer(TEXTS, TokenizerSettings(kind=kind, vocabulary=size))
    assert trained.get_vocab_size() == size
    assert sorted(trained.get_vocab().values()) == list(range(size))


def test_special_tokens_have_the_published_ids():
    bert = train_tokenizer(TEXTS, TokenizerSettings(kind="wordpiece"))
    assert [bert.token_to_id(token) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")] == [
        0,
        1,
        2,
        3,
        4,
    ]
    mpnet = train_tokenizer(TEXTS, TokenizerSettings(kind="wordpiece", specials="mpnet"))
    assert [mpnet.token_to_id(token) for token in "<s> <pad> </s> [UNK] <mask>".split()] == list(range(5))
    assert mpnet.token_to_id("[PAD]") is None
    names = "<unk> <s> </s> <cls> <sep> <pad> <mask> <eod> <eop>".split()
    for kind in ("unigram", "bpe", "word"):
        trained = train_tokenizer(TEXTS, TokenizerSettings(kind=kind))
        assert [trained.token_to_id(token) for token in names] == list(range(9))


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_larger_than_the_text_supports_is_an_error_that_says_how_large(kind):
    with pytest.raises(DataError, match=r"larger than the text supports.*or auto") as error:
        train_tokenizer(TEXTS, TokenizerSettings(kind=kind, vocabulary=50_000))
    largest = int(str(error.value).split("fills ")[1].split()[0])
    settings = TokenizerSettings(kind=kind, vocabulary=largest)
    assert train_tokenizer(TEXTS, settings).get_vocab_size() == largest


def test_a_vocabulary_smaller_than_its_letters_is_an_error():
    with pytest.raises(DataError, match="too small"):
        train_tokenizer(TEXTS, TokenizerSettings(kind="bpe", vocabulary=100))


def test_auto_is_the_published_size_capped_by_the_frequent_words():
    texts = [f"word{number} " * 10 for number in range(2000)] + [
        "rare" + chr(97 + n % 26) * n for n in range(60)
    ]
    assert learn.vocabulary_goal(texts, TokenizerSettings()) == 2000
    assert learn.vocabulary_goal(texts, TokenizerSettings(published_vocabulary=1000)) == 1000
    assert learn.vocabulary_goal(texts[:10], TokenizerSettings()) == 512
    assert learn.vocabulary_goal(texts, TokenizerSettings(vocabulary=77)) == 77


def test_no_text_is_an_error():
    with pytest.raises(DataError, match="empty"):
        train_tokenizer([" ", ""], TokenizerSettings())


def test_a_frequent_word_is_one_piece_of_a_unigram_vocabulary():
    trained = train_tokenizer(TEXTS, TokenizerSettings(kind="unigram"))
    assert {"▁quick", "▁while", "▁(", "▁Paulo"} <= set(trained.get_vocab())


def test_unigram_and_bpe_give_the_text_back():
    text = "the quick brown fox (and Zoë) isn't “open” in 1999"
    for kind in ("unigram", "bpe"):
        trained = train_tokenizer(TEXTS, TokenizerSettings(kind=kind))
        assert trained.decode(trained.encode(text).ids).strip() == text


def test_unigram_and_whole_words_number_their_entries_by_falling_frequency():
    pieces = json.loads(train_tokenizer(TEXTS, TokenizerSettings(kind="unigram")).to_str())["model"]["vocab"]
    scores = [score for _, score in pieces[9:]]
    assert scores == sorted(scores, reverse=True)
    words = train_tokenizer(TEXTS, TokenizerSettings(kind="word"))
    ids = [number for text in TEXTS for number in words.encode(text).ids]
    counts = np.bincount(ids, minlength=words.get_vocab_size())[9:]
    assert (np.diff(counts) <= 0).all()
    assert set(learn.FALLING) == {"unigram", "word"}


def test_a_word_is_what_spaces_divide_and_rare_words_are_unknown():
    trained = train_tokenizer(TEXTS, TokenizerSettings(kind="word", vocabulary=40))
    known = vocabulary_of(trained)
    assert trained.encode("the quick unheard fox").tokens == ["the", "quick", "<unk>", "fox"]
    assert known.starts_word.all()
    assert known.is_special.sum() == 9
    assert trained.decode(trained.encode("the (and Zoë)").ids) == "the (and Zoë)"


@pytest.mark.parametrize("size", [13, 12, "auto"])
def test_special_tokens_in_the_text_are_no_words_of_a_vocabulary(size):
    """WikiText writes `<unk>` for its rare words, more often than most others."""
    texts = ["<unk> b a <unk> <unk> c b </s> a b", "d <unk> a"] * 3
    settings = TokenizerSettings(kind="word").model_copy(update={"vocabulary": size})
    trained = train_tokenizer(texts, settings)
    # a and b occur nine times each, c and d three times.
    entries = [*XLNET_SPECIALS, "a", "b", "c", "d"][: None if size == "auto" else size]
    assert sorted(trained.get_vocab(), key=trained.token_to_id) == entries
    known = vocabulary_of(trained)
    assert known.size == trained.get_vocab_size() == len(entries)
    assert known.is_special.sum() == len(XLNET_SPECIALS)
    assert trained.encode("a <unk> e </s>").ids == [9, 0, 0, 2]


def test_lowercase_is_kept_or_removed_as_asked():
    for kind in KINDS:
        for lowercase in (False, True):
            trained = train_tokenizer(TEXTS, TokenizerSettings(kind=kind, lowercase=lowercase))
            assert (trained.encode("QUICK").ids == trained.encode("quick").ids) == lowercase


@pytest.mark.parametrize("layout", ["cls_first", "cls_last"])
@pytest.mark.parametrize("model_type", [None, "bert", "xlnet"])
def test_transformers_gives_the_same_ids_and_types(tokenizer, tmp_path, layout, model_type):
    transformers = pytest.importorskip("transformers")
    write_tokenizer(tokenizer, layout, tmp_path, max_length=512)
    if model_type:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path), local_files_only=True)
    ours = with_layout(tokenizer, layout)
    for pair in ((SAMPLE,), (SAMPLE, "Ünïcode the Fox")):
        expected = ours.encode(*pair)
        found = theirs(*pair)
        assert found["input_ids"] == expected.ids
        assert found["token_type_ids"] == expected.type_ids
    assert theirs.padding_side == {"cls_first": "right", "cls_last": "left"}[layout]
    assert theirs.model_max_length == 512
    vocabulary = vocabulary_of(tokenizer)
    assert (theirs.pad_token_id, theirs.mask_token_id) == (vocabulary.pad, vocabulary.mask)
    assert (theirs.cls_token_id, theirs.sep_token_id) == (vocabulary.cls, vocabulary.sep)
    padded = theirs(["the", SAMPLE], padding=True)["input_ids"][0]
    assert padded[-1 if layout == "cls_first" else 0] == vocabulary.pad


def test_layouts_put_the_special_tokens_where_the_papers_do(tokenizer):
    v = vocabulary_of(tokenizer)
    a, b = (tokenizer.encode(text, add_special_tokens=False).ids for text in ("quick fox", "lazy dog"))
    first = with_layout(tokenizer, "cls_first").encode("quick fox", "lazy dog")
    assert first.ids == [v.cls, *a, v.sep, *b, v.sep]
    assert first.type_ids == [0] * (len(a) + 2) + [1] * (len(b) + 1)
    last = with_layout(tokenizer, "cls_last").encode("quick fox", "lazy dog")
    assert last.ids == [*a, v.sep, *b, v.sep, v.cls]
    assert last.type_ids == [0] * (len(a) + 1) + [1] * (len(b) + 1) + [2]
    assert with_layout(tokenizer, "cls_last").encode("quick fox").type_ids == [0] * (len(a) + 1) + [2]
    assert tokenizer.encode("quick fox").ids == a


def test_written_tokenizers_load_again(tokenizer, tmp_path):
    write_tokenizer(tokenizer, "cls_first", tmp_path, None)
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        assert (
            load_tokenizer(path).encode(SAMPLE, add_special_tokens=False).ids == tokenizer.encode(SAMPLE).ids
        )


def test_words_begin_where_they_do_in_the_text(tokenizer):
    starts = vocabulary_of(tokenizer).starts_word
    words = ["the", "quick", "brown", "fox", ",", "while", "lazy", "."]
    ids = [
        tokenizer.encode(" " + word, add_special_tokens=False).ids
        for word in ("the", "quick", "brown", "fox")
    ]
    text = " the quick brown fox, while lazy."
    if isinstance(tokenizer.model, models.WordLevel):
        text = " the quick brown fox , while lazy ."  # only spaces divide whole words
    found = tokenizer.encode(text, add_special_tokens=False).ids
    assert starts[found].sum() == len(words)
    assert all(starts[word[0]] and not starts[word[1:]].any() for word in ids)


def test_special_tokens_are_special_and_words_of_their_own(tokenizer):
    vocabulary = vocabulary_of(tokenizer)
    roles = [vocabulary.pad, vocabulary.unk, vocabulary.cls, vocabulary.sep, vocabulary.mask]
    assert vocabulary.is_special[roles].all()
    assert vocabulary.starts_word[vocabulary.is_special].all()
    assert vocabulary.is_special.dtype == vocabulary.starts_word.dtype == np.bool_
    assert vocabulary.end_of_document == (tokenizer.token_to_id("<eod>") or vocabulary.sep)
    assert vocabulary.is_special.sum() == (5 if tokenizer.token_to_id("[PAD]") == 0 else 9)


def roberta():
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġa", "<mask>"]
    ids = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, [("Ġ", "a")], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def test_the_roles_of_robertas_tokenizer_are_found():
    vocabulary = vocabulary_of(roberta())
    assert (vocabulary.cls, vocabulary.pad, vocabulary.sep, vocabulary.unk) == (0, 1, 2, 3)
    assert vocabulary.end_of_document == vocabulary.sep
    assert vocabulary.starts_word[roberta().token_to_id("Ġa")]
    assert not vocabulary.starts_word[roberta().token_to_id("a")]
    assert vocabulary.starts_word[roberta().token_to_id(",")]
    assert with_layout(roberta(), "cls_first").encode("a", "a").tokens == ["<s>", "a", "</s>", "a", "</s>"]


@pytest.mark.parametrize(("word", "lowercase"), [("Quick", False), ("quick", True)])
def test_a_bert_folder_with_only_its_word_list_is_read(tmp_path, word, lowercase):
    words = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", word, "##ly"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.encode("Quickly").tokens == [word, "##ly"]
    assert (tokenizer.encode("QUICK").tokens == [word]) == lowercase
    vocabulary = vocabulary_of(tokenizer)
    assert vocabulary.is_special.tolist() == [True] * 6 + [False] * 2
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert load_tokenizer(tmp_path).encode("Quick").tokens == (["quick"] if lowercase else ["[UNK]"])


MPNET_WORDS = "<s> <pad> </s> <unk> [PAD] [UNK] [CLS] [SEP] [MASK] quick ##ly <mask>".split()
"""MPNet's published vocabulary is BERT's with other special tokens around it."""


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json"])
def test_mpnets_own_special_tokens_go_before_those_that_berts_vocabulary_left_in_it(tmp_path, name):
    (tmp_path / "vocab.txt").write_text("\n".join(MPNET_WORDS))
    if name == "tokenizer.json":
        load_tokenizer(tmp_path).save(str(tmp_path / name))
        (tmp_path / "vocab.txt").unlink()
    tokenizer = load_tokenizer(tmp_path)
    vocabulary = vocabulary_of(tokenizer)
    assert (vocabulary.cls, vocabulary.pad, vocabulary.sep, vocabulary.mask) == (0, 1, 2, 11)
    assert vocabulary.unk == MPNET_WORDS.index("[UNK]")
    assert vocabulary.is_special.tolist() == [True] * 9 + [False] * 2 + [True]
    tokens = with_layout(tokenizer, "cls_first").encode("Quickly odd <mask>", "quick").tokens
    assert tokens == ["<s>", "quick", "##ly", "[UNK]", "<mask>", "</s>", "quick", "</s>"]


def test_folders_without_a_usable_tokenizer_are_refused_in_one_line(tmp_path):
    cases = {
        "none": "no tokenizer in",
        "spiece.model": "save_pretrained",
        "tokenizer.json": "is not a tokenizer.json",
    }
    for name, words in cases.items():
        folder = tmp_path / name.replace(".", "_")
        folder.mkdir()
        if name != "none":
            (folder / name).write_text("x")
        with pytest.raises(DataError, match=words) as error:
            load_tokenizer(folder)
        assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="no such file or folder"):
        load_tokenizer(tmp_path / "absent")


def test_a_tokenizer_without_a_mask_token_is_refused(tmp_path):
    tokenizer = Tokenizer(
        models.WordLevel({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}, unk_token="[UNK]")
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(DataError, match="no mask token"):
        load_tokenizer(tmp_path)


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(10, 200))
def test_a_sample_is_bounded_and_does_not_depend_on_the_order(texts, most):
    texts = list(dict.fromkeys(texts))
    sample = take_sample(texts, most)
    total = sum(len(text.encode()) for text in texts)
    if total <= most:
        assert sample == texts
    else:
        assert len(sample) >= 1
        assert sum(len(text.encode()) for text in sample) <= most or len(sample) == 1
        assert sorted(take_sample(texts[::-1], most)) == sorted(sample)


@given(st.lists(st.text(max_size=30), max_size=20))
def test_characters_are_counted(texts):
    joined = [character for text in texts for character in text if not character.isspace()]
    assert count_characters(texts) == {character: joined.count(character) for character in set(joined)}


def test_words_marks_and_cjk_characters_count_when_frequent():
    assert num_frequent_words(["Yes yes, 中文 " * 10], 100, lowercase=False) == 5
    assert num_frequent_words(["Yes yes, 中文 " * 10], 100, lowercase=True) == 4
    assert num_frequent_words(["once " * 9], 100, lowercase=False) == 0


@pytest.mark.parametrize(
    ("name", "content"), [("vocab.txt", b"\xff\xfe[PAD]"), ("tokenizer_config.json", b"{bad")]
)
def test_a_damaged_word_list_is_one_clear_line(name, content, tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_tokenizer(tmp_path)
