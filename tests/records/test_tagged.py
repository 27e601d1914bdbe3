import json

import pytest
from labelled_files import write

from bothways.errors import DataError, UsageError
from bothways.records.columns import ColumnSettings
from bothways.records.read import read
from bothways.records.schemes import scheme_of
from bothways.records.types import TaggedRecord

CONLLU = """# sent_id = 1
# text = Don't go.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\t_\t_\t_\t_\t_
2\tn't\tnot\tPART\tRB\t_\t_\t_\t_\t_
2.1\tthere\tthere\tADV\tRB\t_\t_\t_\t_\t_
3\t#now\tnow\tADV\t_\t_\t_\t_\t_\t_

# sent_id = 2
1\tGo\tgo\tVERB\tVB\t_\t_\t_\t_\t_
"""


def sentences(path, **settings):
    return [(record.words, record.labels) for record in read(path, **settings).records]


def test_words_that_begin_with_a_hash_are_hashtags(tmp_path):
    path = write(tmp_path, "wnut.conll", "#wnut\tO\nat\tO\n#Sirius\tB-group\n\n\n# \tO\n")
    found = read(path)
    assert found.records == [
        TaggedRecord(f"{path}, row 1", ("#wnut", "at", "#Sirius"), ("O", "O", "B-group")),
        TaggedRecord(f"{path}, row 6", ("#",), ("O",)),
    ]
    assert found.task == "tag"
    assert found.reading.scheme == "IOB2"


def test_files_of_tags_are_known_by_their_content_and_documents_begin_without_a_word(tmp_path):
    path = write(
        tmp_path, "wikigold.conll.txt", "-DOCSTART- O\n\nThe O\nRed I-MISC\nBook I-MISC\n\nParis I-LOC\n"
    )
    assert sentences(path) == [(("The", "Red", "Book"), ("O", "I-MISC", "I-MISC")), (("Paris",), ("I-LOC",))]
    assert read(path).reading.scheme == "IOB1"
    assert read(path).reading.lines()[1] == "tag: 4 words, 3 labels, entities written in IOB1"
    assert read(write(tmp_path, "emerging.test.annotated", "It\tO\nBBC\tB-group\n")).task == "tag"


def test_other_columns_are_named_by_number(tmp_path):
    path = write(tmp_path, "a.conll", "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n")
    assert sentences(path)[0][1] == ("B-ORG", "O")
    assert sentences(path, columns=ColumnSettings(label=1))[0][1] == ("NNP", "VBZ")
    assert sentences(path, columns=ColumnSettings(text=1, label=0))[0] == (("NNP", "VBZ"), ("EU", "rejects"))
    with pytest.raises(UsageError, match="give the number of 'ner', from 0"):
        read(path, columns=ColumnSettings(label="ner"))
    with pytest.raises(DataError, match="there are no columns 0 and 7"):
        read(path, columns=ColumnSettings(label=7))


def test_plain_columns_are_tagged_if_the_task_says_so(tmp_path):
    assert sentences(write(tmp_path, "pos.tsv", "He\tPRP\nsat\tVBD\n"), task="tag") == [
        (("He", "sat"), ("PRP", "VBD"))
    ]


def test_multiword_tokens_and_empty_nodes_are_no_words(tmp_path):
    path = write(tmp_path, "a.conllu", CONLLU)
    assert sentences(path) == [(("Do", "n't", "#now"), ("AUX", "PART", "ADV")), (("Go",), ("VERB",))]
    assert read(path).reading.scheme is None


def test_conllu_columns_have_names_and_an_underscore_is_no_label(tmp_path):
    path = write(tmp_path, "a.conllu", CONLLU)
    found = read(path, columns=ColumnSettings(label="xpos"))
    assert [record.labels for record in found.records] == [("VB",)]
    assert found.reading.bad["the label of a word is empty"].first == f"{path}, row 7"
    with pytest.raises(UsageError, match="has no column 'xpso'; did you mean 'xpos'"):
        read(path, columns=ColumnSettings(label="xpso"))


CHARACTERS = (("吴", "重", "阳", "，"), ("B-NAME", "M-NAME", "E-NAME", "O"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.bmes", "吴 B-NAME\n重 M-NAME\n阳 E-NAME\n， O\n\n男 O\n"),
        ("a.char.bmes", "吴 重 阳 ，\tB-NAME M-NAME E-NAME O\n男\tO\n"),
        ("a.json", '{"text": ["吴", "重", "阳", "，"], "label": ["B-NAME", "M-NAME", "E-NAME", "O"]}\n'
                   '{"text": ["男"], "label": ["O"]}\n'),
    ],
)  # fmt: skip
def test_characters_come_a_line_each_a_sentence_a_line_and_as_json(name, content, tmp_path):
    path = write(tmp_path, name, content)
    assert sentences(path) == [CHARACTERS, (("男",), ("O",))]
    assert read(path).reading.scheme == "BMES"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.conll", "\u3000\tO\nMia\tB-PER\n"),
        ("a.txt", "\u3000 O\nMia B-PER\n"),
        ("a.char.bmes", "\u3000 Mia\tO B-PER\n"),
        ("a.jsonl", '{"tokens": ["\u3000", "Mia"], "tags": ["O", "B-PER"]}\n'),
    ],
)
def test_a_space_of_unicode_is_a_word(name, content, tmp_path):
    assert sentences(write(tmp_path, name, content)) == [(("\u3000", "Mia"), ("O", "B-PER"))]


def test_a_sentence_with_a_bad_line_is_left_out_as_a_whole(tmp_path):
    path = write(tmp_path, "a.conll", "He O\nsat\n\nIt O\nis O\n\nNo\t\n")
    found = read(path)
    assert [record.words for record in found.records] == [("It", "is")]
    assert {reason: rows.first for reason, rows in found.reading.bad.items()} == {
        "the line has another number of columns": f"{path}, row 2 (1 after 2)",
        "the label of a word is empty": f"{path}, row 7",
    }


def test_lists_must_be_equally_long(tmp_path):
    rows = [
        {"tokens": ["a", "b"], "tags": ["O"]},
        {"tokens": ["a"], "tags": ["O"]},
        {"tokens": [], "tags": []},
    ]
    found = read(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert len(found.records) == 1
    assert set(found.reading.bad) == {
        "there are not as many labels as words",
        "the words are no list, or one of them is empty",
    }


def test_words_alone_can_be_predicted_but_not_learned_from(tmp_path):
    path = write(tmp_path, "a.conll", "He\nsat\n")
    assert sentences(path, labelled=False) == [(("He", "sat"), None)]
    with pytest.raises(DataError, match="all of its rows are bad"):
        read(path)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("B-X I-X O B-Y B-X", "IOB2"),
        ("I-X I-X O I-Y B-Y", "IOB1"),
        ("I-X I-Y", "IOB1"),
        ("B-X I-X O B-Y I-Z B-X", "IOB2"),  # one slip does not make another scheme
        ("B-X I-X E-X O S-Y", "BIOES"),
        ("B-X M-X E-X O S-Y", "BMES"),
        ("B-X I-X L-X O U-Y", "BILOU"),
        ("O O", None),
        ("NOUN PRP$ -LRB- O", None),
    ],
)
def test_the_scheme_is_recognised(sentence, expected):
    assert scheme_of([sentence.split()]) == expected
