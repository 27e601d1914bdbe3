"""From a file to records, with the columns and the task guessed."""

import json

import pytest
from labelled_files import write

from bothways.errors import DataError, UsageError
from bothways.records.columns import ColumnSettings
from bothways.records.read import read
from bothways.records.types import ChoiceRecord, TextRecord

STS = (
    "captions\tMSRvid\t2012\t0001\t5.000\tA plane.\tA big plane.\n"
    'captions\tMSRvid\t2012\t0004\t3.8\tA "man.\tA man.\tfrom here\tand there\n'
)
COLA = 'gj04\t1\t\tHe "left".\ngj04\t0\t*\tLeft he.\ncj99\t1\t\tShe left.\ncj99\t1\t\tWe left.\n'


def records(path, **settings):
    return read(path, **settings).records


def shown(labelled):
    """The sentence about columns."""
    return labelled.reading.lines()[1]


def test_named_columns_are_recognised_and_shown(tmp_path):
    path = write(tmp_path, "train.csv", "id,sentence,label\n7,so good,1\n8,so bad,0\n")
    found = read(path)
    assert found.task == "classify"
    assert found.records[0] == TextRecord(f"{path}, row 2", "so good", None, "1")
    assert found.reading.lines() == [
        f"{path}: 2 records",
        "reads column 'sentence' as text, 'label' as label: classify, 2 labels",
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("index,question,sentence,label", ("question", "sentence", "label")),
        ("Quality,#1 ID,#1 String,#2 String", ("#1 String", "#2 String", "Quality")),
        ("premise,hypothesis,gold_label,n", ("premise", "hypothesis", "gold_label")),
        ("label,n,m,text", ("text", None, "label")),
    ],
)
def test_known_names_are_chosen_in_the_order_of_their_meaning(header, expected, tmp_path):
    found = read(write(tmp_path, "train.csv", f"{header}\n1,2,3,4\n0,5,6,7\n"))
    assert (found.columns.text, found.columns.pair, found.columns.label) == expected


def test_columns_without_names_are_known_by_what_they_hold(tmp_path):
    rte = "It rained all day.\tIt rained.\t1\nNobody came.\tSome came.\t0\nHe won it.\tHe won.\t1\n"
    found = read(write(tmp_path, "train.txt", rte))
    assert shown(found) == "reads column 0 as text, 1 as pair, 2 as label: classify, 2 labels"
    assert (
        records(write(tmp_path, "a.tsv", "很好的酒店\tpositive\n太差\tnegative\n不错\tpositive\n"))[1].text
        == "太差"
    )


def test_scores_with_decimals_are_a_regression_and_rows_may_be_longer(tmp_path):
    path = write(tmp_path, "sts.tsv", STS)
    found = read(path, columns=ColumnSettings(text=5, pair=6, label=4))
    assert found.task == "regress"
    assert found.records[1] == TextRecord(f"{path}, row 2", 'A "man.', "A man.", "3.8")
    assert shown(found) == "reads column 5 as text, 6 as pair, 4 as label: regress, scores from 3.8 to 5"


def test_negative_numbers_count_from_the_end(tmp_path):
    found = read(write(tmp_path, "cola.tsv", COLA), columns=ColumnSettings(text=-1, label=1))
    assert [record.text for record in found.records] == ['He "left".', "Left he.", "She left.", "We left."]


def test_several_columns_that_might_be_the_label_are_an_error_that_lists_them(tmp_path):
    with pytest.raises(
        UsageError, match=r"which column is the label; its columns are 0 \(gj04\), 1 \(1\), 2 \(\*\)"
    ):
        read(write(tmp_path, "cola.tsv", COLA))


def test_text_alone_has_no_label_to_learn(tmp_path):
    path = write(tmp_path, "a.csv", "text\ngood film\nbad film\nso so\n")
    with pytest.raises(UsageError, match="cannot tell which column is the label"):
        read(path)
    assert [record.label for record in records(path, labelled=False)] == [None, None, None]


def test_two_texts_without_a_label_are_pairs_to_embed(tmp_path):
    found = read(write(tmp_path, "a.csv", "query,passage\nwho?,It was he.\nwhere?,It was there.\n"))
    assert (found.task, found.records[0].pair, found.records[0].label) == ("embed", "It was he.", None)
    with pytest.raises(UsageError, match="which column is the second text"):
        read(write(tmp_path, "b.csv", "text,label\na b,1\nc d,0\n"), task="embed")


def test_a_model_of_vectors_may_be_asked_about_single_texts(tmp_path):
    path = write(tmp_path, "a.csv", "text\ngood film\nbad film\n")
    assert records(path, task="embed", labelled=False)[0] == TextRecord(f"{path}, row 2", "good film")


def test_many_whole_numbers_may_be_classes_or_scores(tmp_path):
    path = write(tmp_path, "a.csv", "text,label\n" + "".join(f"text {n},{n}\n" for n in range(30)))
    with pytest.raises(UsageError, match="say which with --task classify or --task regress"):
        read(path)
    assert read(path, "regress").task == "regress"


def test_a_wrong_column_is_an_error_with_the_nearest_name(tmp_path):
    path = write(tmp_path, "train.csv", "sentence,label\ngood,1\nbad,0\n")
    with pytest.raises(UsageError, match=r"train\.csv has no column 'lable'; did you mean 'label'\?"):
        read(path, columns=ColumnSettings(label="lable"))


def test_other_parts_of_a_set_are_read_with_the_columns_that_were_found(tmp_path):
    train = read(write(tmp_path, "train.tsv", "good film\tyes\nbad film\tno\nso so film\tyes\n"))
    dev = read(write(tmp_path, "dev.tsv", "fine\tlabel\n"), train.task, train.columns)
    assert dev.records[0].label == "label"
    test = write(tmp_path, "test.csv", "sentence\ngood\nbad\n")
    named = ColumnSettings(text="sentence", label="label", header="yes")
    assert len(records(test, task="classify", columns=named, labelled=False)) == 2


BAD = "text,label\ngood,1\n,0\nbad,\nshort\nfine,nan\nwell,2.5\n"


def test_bad_rows_are_counted_by_reason_with_the_first_of_each(tmp_path):
    path = write(tmp_path, "train.csv", BAD)
    found = read(path, "regress")
    assert [record.text for record in found.records] == ["good", "well"]
    assert found.reading.lines()[2:] == [
        f"left out because the text is empty: 1, first in {path}, row 3",
        f"left out because the label is empty: 1, first in {path}, row 4",
        f"left out because there is no column 'label' for the label: 1, first in {path}, row 5",
        f"left out because the label is no finite number: 1, first in {path}, row 6 ('nan')",
    ]


def test_strict_reading_stops_at_the_first_bad_row(tmp_path):
    path = write(tmp_path, "train.csv", "text,label\ngood,1\nbad,\n")
    with pytest.raises(
        DataError, match=r"train\.csv, row 3: the label is empty; correct the row, or leave out --strict"
    ):
        read(path, strict=True)


def test_files_without_a_good_row_are_errors(tmp_path):
    for name, content in {"a.csv": "", "b.csv": "text,label\n", "c.jsonl": "\n"}.items():
        with pytest.raises(DataError, match="holds no rows"):
            read(write(tmp_path, name, content))
    with pytest.raises(
        DataError, match=r"all of its rows are bad \(2\), mostly because the text is empty; see .* row 2"
    ):
        read(write(tmp_path, "d.csv", "text,label\n,1\n,0\n"))


ARC = (
    '"Warm, or not?",dry palms,wet palms,oil,lotion,A\nNo shape?,gas,,solid,,C\n'
    "Lost,,,,,2\nFive?,a,b,c,d,E\nFour?,a,b,c,d,4\n"
)


def test_choices_stand_between_the_question_and_a_letter(tmp_path):
    path = write(tmp_path, "arc.csv", ARC)
    found = read(path)
    assert found.task == "choose"
    assert found.records == [
        ChoiceRecord(f"{path}, row 1", "", "Warm, or not?", ("dry palms", "wet palms", "oil", "lotion"), 0),
        ChoiceRecord(f"{path}, row 2", "", "No shape?", ("gas", "solid"), 1),
        ChoiceRecord(f"{path}, row 5", "", "Four?", ("a", "b", "c", "d"), 3),
    ]
    assert list(found.reading.bad) == ["there are not two choices", "the answer names none of the choices"]


def test_choices_may_be_named_columns_or_a_list(tmp_path):
    path = write(tmp_path, "a.csv", "id,passage,question,A,B,answer\n1,Long ago.,When?,ago,now,b\n")
    found = read(path, columns=ColumnSettings(pair="passage"))
    assert found.records == [ChoiceRecord(f"{path}, row 2", "Long ago.", "When?", ("ago", "now"), 1)]
    path = write(tmp_path, "a.jsonl", json.dumps({"question": "When?", "options": ["ago", "now"]}))
    assert records(path, task="choose", labelled=False)[0].answer is None
    with pytest.raises(UsageError, match="question and which the answer"):
        read(path, "choose")


def multiple_choice(*answers):
    rows = [{"question": f"{n}?", "choices": ["a", "b", "c", "d"], "answer": n} for n in answers]
    return "\n".join(map(json.dumps, rows))


def test_answers_are_numbered_from_0_where_any_of_them_is_0(tmp_path):
    found = read(write(tmp_path, "mmlu.jsonl", multiple_choice(3, 0, 1, 2)), "choose")
    assert [record.answer for record in found.records] == [3, 0, 1, 2]
    assert "label: choose, 4 questions, answers numbered from 0" in shown(found)
    swag = "ctx,ending0,ending1,ending2,label\nOn,a,b,c,1\nIn,a,b,c,0\n"
    found = read(write(tmp_path, "swag.csv", swag), "choose", ColumnSettings(text="ctx"))
    assert [record.answer for record in found.records] == [1, 0]


def test_answers_are_numbered_from_1_otherwise_and_other_parts_of_a_set_alike(tmp_path):
    found = read(write(tmp_path, "train.jsonl", multiple_choice(1, 4, 2)), "choose")
    assert [record.answer for record in found.records] == [0, 3, 1]
    assert "answers numbered from 1" in shown(found)
    train = read(write(tmp_path, "train.jsonl", multiple_choice(0, 3)), "choose")
    dev = write(tmp_path, "dev.jsonl", multiple_choice(1, 2))
    assert [record.answer for record in records(dev, task="choose", columns=train.columns)] == [1, 2]
    letters = read(write(tmp_path, "train.jsonl", multiple_choice("A", "B")), "choose")
    assert "numbered" not in shown(letters)
    assert letters.columns.answers_from is None


def test_where_the_numbers_of_answers_begin_may_be_said(tmp_path):
    path = write(tmp_path, "train.jsonl", multiple_choice(1, 2, 4))
    found = read(path, "choose", ColumnSettings(answers_from=0))
    assert [record.answer for record in found.records] == [1, 2]
    assert found.reading.bad["the answer names none of the choices"].first == f"{path}, row 3 ('4')"


def test_a_task_that_the_file_is_not_for_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is a file to tag, not to classify"):
        read(write(tmp_path, "a.conll", "He O\n"), "classify")
    with pytest.raises(UsageError, match="is not SQuAD's JSON"):
        read(write(tmp_path, "a.csv", "text,label\na,1\n"), "answer")
    with pytest.raises(UsageError, match="which column is the list of words"):
        read(write(tmp_path, "b.csv", "text,label\na,1\n"), "tag")
