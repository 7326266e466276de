"""Tables of paths and labels."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from auscult.data import Dataset, Split, open_dataset
from auscult.errors import DataError


@pytest.fixture
def folder(tmp_path, write_sound) -> Path:
    for name in "abcd":
        write_sound(tmp_path / "audio" / f"{name}.wav")
    return tmp_path


def table(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding=encoding)
    return path


def labels_of(dataset: Dataset) -> dict[str, tuple[str, ...] | None]:
    return {clip.source.name: clip.labels for clip in dataset.clips()}


def test_paths_start_at_the_csv_or_at_the_root(folder):
    from_csv = Dataset.from_csv(table(folder, "path,label\naudio/a.wav,dog\naudio/b.wav,cat\n"))
    assert from_csv.source_kind == "csv"
    assert from_csv.task == "single_label"
    assert [label.id for label in from_csv.labels] == ["cat", "dog"]
    assert labels_of(from_csv) == {"a.wav": ("dog",), "b.wav": ("cat",)}
    from_root = Dataset.from_csv(table(folder, "path,label\na.wav,dog\nb.wav,cat\n"), root=folder / "audio")
    assert from_root.digest() == from_csv.digest()
    assert from_root.table["uri"].to_pylist() == ["a.wav", "b.wav"]


def test_an_absolute_path_outside_the_root(folder, tmp_path_factory, write_sound):
    elsewhere = write_sound(tmp_path_factory.mktemp("elsewhere") / "e.wav")
    dataset = Dataset.from_csv(table(folder, f"path,label\naudio/a.wav,dog\n{elsewhere},cat\n"))
    assert [clip.source for clip in dataset.clips()] == [folder / "audio" / "a.wav", elsewhere]
    assert not any(".." in uri for uri in dataset.table["uri"].to_pylist())


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_byte_order_marks_and_line_ends(folder, delimiter, encoding, newline):
    rows = ["path,label", "audio/a.wav,Café", "", "audio/b.wav,cat", ""]
    text = newline.join(rows).replace(",", delimiter)
    dataset = Dataset.from_csv(table(folder, text, encoding=encoding))
    assert labels_of(dataset) == {"a.wav": ("Café",), "b.wav": ("cat",)}


def test_a_label_with_a_comma_stays_one_label(folder):
    for text in (
        'path,label\naudio/a.wav,"car, horn"\naudio/b.wav,cat\n',
        "path;label\naudio/a.wav;car, horn\naudio/b.wav;cat\n",
    ):
        dataset = Dataset.from_csv(table(folder, text))
        assert dataset.task == "single_label"
        assert labels_of(dataset)["a.wav"] == ("car, horn",)


def test_an_unquoted_comma_is_no_silent_second_field(folder):
    with pytest.raises(DataError, match=r"line 2: each row must have 2 fields.*Got 3 instead; put quotes"):
        Dataset.from_csv(table(folder, "path,label\naudio/a.wav,car,horn\naudio/b.wav,cat\n"))


@pytest.mark.parametrize("path_name", ["path", "File", "filename", "file_name"])
@pytest.mark.parametrize("label_name", ["label", "Class", "category", "target"])
def test_usual_column_names(folder, path_name, label_name):
    dataset = Dataset.from_csv(table(folder, f"id,{label_name}, {path_name}\n1,dog,audio/a.wav\n2,cat,audio/b.wav\n"))
    assert labels_of(dataset) == {"a.wav": ("dog",), "b.wav": ("cat",)}


def test_unclear_columns_are_listed(folder):
    text = "file,category,target\naudio/a.wav,dog,0\naudio/b.wav,cat,1\n"
    with pytest.raises(DataError, match=r"Several are: \['category', 'target'\].*say which it is with 'label_column'"):
        Dataset.from_csv(table(folder, text))
    assert labels_of(Dataset.from_csv(table(folder, text), label_column="category"))["a.wav"] == ("dog",)
    with pytest.raises(DataError, match=r"None is, among \['wav', 'label'\].*'path_column'"):
        Dataset.from_csv(table(folder, "wav,label\naudio/a.wav,dog\n"))
    with pytest.raises(DataError, match=r"'path_column' must be one of its columns, \['file', .*Got 'sound'"):
        Dataset.from_csv(table(folder, text), path_column="sound", label_column="target")


def test_values_are_text(folder):
    dataset = Dataset.from_csv(table(folder, "path,label\naudio/a.wav,007\naudio/b.wav,1e3\naudio/c.wav,nan\n"))
    assert [label.id for label in dataset.labels] == ["007", "1e3", "nan"]


def test_split_fold_and_group(folder):
    text = (
        "path,label,split,fold,group\naudio/a.wav,dog,Training,1,x\naudio/b.wav,cat,dev,2,\naudio/c.wav,dog,eval,10,y\n"
    )
    clips = Dataset.from_csv(table(folder, text)).clips()
    assert [(clip.split, clip.fold, clip.group) for clip in clips] == [
        ("train", 1, "x"),
        ("validation", 2, None),
        ("test", 10, "y"),
    ]


def test_a_split_or_fold_that_is_none(folder):
    with pytest.raises(DataError, match=r"line 2: a split must be one of train, .*Got 'maybe' instead"):
        Dataset.from_csv(table(folder, "path,label,split\naudio/a.wav,dog,maybe\n"))
    with pytest.raises(DataError, match=r"line 2: a fold must be a whole number. Got 'one' instead"):
        Dataset.from_csv(table(folder, "path,label,fold\naudio/a.wav,dog,one\n"))


def test_several_labels_by_a_chosen_delimiter(folder):
    text = 'path,label\naudio/a.wav,"dog; car, horn"\naudio/b.wav,dog\naudio/c.wav,\n'
    dataset = Dataset.from_csv(table(folder, text), label_delimiter=";")
    assert dataset.task == "multi_label"
    assert [label.id for label in dataset.labels] == ["car, horn", "dog"]
    # The clip without a label is an example of none of the classes.
    np.testing.assert_array_equal(dataset.targets(), [[1, 1], [0, 1], [0, 0]])


def test_an_empty_delimiter(folder):
    with pytest.raises(DataError, match="'label_delimiter' parameter must be a text"):
        Dataset.from_csv(table(folder, "path,label\naudio/a.wav,dog\n"), label_delimiter="")


def test_a_repeated_path_is_multi_label(folder):
    text = "path,label\naudio/a.wav,dog\naudio/b.wav,cat\naudio/./a.wav,cat\naudio/b.wav,cat\n"
    dataset = Dataset.from_csv(table(folder, text))
    assert dataset.task == "multi_label"
    assert labels_of(dataset) == {"a.wav": ("dog", "cat"), "b.wav": ("cat",)}


def many(folder, write_sound, *more: str, header: str = "path,label", end: str = "") -> Path:
    """A table of 40 files of two classes, and `more` rows after them."""
    for i in range(40):
        write_sound(folder / f"{i}.wav")
    rows = [f"{i}.wav,{'cat' if i % 2 else 'dog'}{end}" for i in range(40)]
    return table(folder, "\n".join([header, *rows, *more]))


def test_a_single_file_under_two_labels_among_many_is_a_mistake(folder, write_sound):
    with pytest.raises(DataError) as caught:
        Dataset.from_csv(many(folder, write_sound, "7.wav,dog"))
    message = str(caught.value)
    assert "1 of 40 files stand under several labels, which looks like a mistake" in message
    assert "7.wav (lines 9, 42)" in message
    assert "Correct these rows; or, if clips may hold several labels, add a column 'task'" in message


def test_one_in_twenty_under_two_labels_is_meant_so(folder, write_sound):
    dataset = Dataset.from_csv(many(folder, write_sound, "7.wav,dog", "9.wav,dog"))
    assert dataset.task == "multi_label"


def test_a_table_may_say_its_task(folder, write_sound):
    header, several = "path,label,task", ",multi_label"
    dataset = Dataset.from_csv(many(folder, write_sound, f"7.wav,dog{several}", header=header, end=several))
    assert dataset.task == "multi_label"
    assert labels_of(dataset)["7.wav"] == ("cat", "dog")
    alone = Dataset.from_csv(table(folder, "path,label,task\n1.wav,cat,multi_label\n2.wav,,multi_label\n"))
    assert (alone.task, alone.problems) == ("multi_label", ())
    assert labels_of(alone) == {"1.wav": ("cat",), "2.wav": ()}
    single = Dataset.from_csv(
        table(
            folder,
            "path,label,task\n"
            + "".join(f"{name},single_label\n" for name in ("1.wav,cat", "2.wav,dog", "3.wav,cat", "3.wav,dog")),
        )
    )
    assert labels_of(single) == {"1.wav": ("cat",), "2.wav": ("dog",)}
    (problem,) = single.problems
    assert problem.problem == "its rows disagree on label: ['cat', 'dog'] (line 4 of the table)"


def test_a_column_called_task_that_says_something_else_is_not_read(folder):
    dataset = Dataset.from_csv(table(folder, "path,label,task\naudio/a.wav,dog,7\naudio/b.wav,cat,8\n"))
    assert (dataset.task, dataset.problems) == ("single_label", ())


def test_a_column_without_any_value_is_as_good_as_none(folder):
    text = "path,label,split,fold,group\naudio/a.wav,dog,,,\naudio/b.wav,cat,, ,\n"
    dataset = Dataset.from_csv(table(folder, text))
    assert dataset.problems == ()
    assert {(clip.split, clip.fold, clip.group) for clip in dataset.clips()} == {(None, None, None)}


def test_a_clip_may_be_left_out_of_the_split_and_is_then_in_no_part(folder):
    text = "path,label,split,fold\naudio/a.wav,dog,train,1\naudio/b.wav,cat,left_out,\naudio/c.wav,cat,,1\n"
    dataset = Dataset.from_csv(table(folder, text))
    assert [(clip.source.name, clip.split, clip.fold) for clip in dataset.clips()] == [
        ("a.wav", "train", 1),
        ("b.wav", None, None),
    ]
    (problem,) = dataset.problems
    assert problem.problem == "it has no split (line 4 of the table)"


def test_a_row_twice_is_one_clip(folder):
    text = "path,label\naudio/a.wav,dog\naudio/b.wav,cat\naudio/a.wav,dog\n"
    dataset = Dataset.from_csv(table(folder, text))
    assert dataset.task == "single_label"
    assert len(dataset) == 2


def test_bad_rows_are_named_and_the_others_go_on(folder, write_sound):
    write_sound(folder / "audio" / "e.wav")
    rows = [
        "path,label,fold",
        "audio/a.wav,dog,1",
        "audio/b.wav,cat,2",
        "audio/missing.wav,dog,1",
        ",dog,1",
        "audio/c.wav,,1",
        "audio/d.wav,cat,",
        "audio/e.wav,dog,1",
        "audio/e.wav,dog,2",
    ]
    dataset = Dataset.from_csv(table(folder, "\n".join(rows)))
    assert labels_of(dataset) == {"a.wav": ("dog",), "b.wav": ("cat",)}
    found = [(Path(problem.source).name, problem.kind, problem.problem) for problem in dataset.problems]
    assert found == [
        ("missing.wav", "missing", "there is no such file (line 4 of the table)"),
        ("line 5 of the table", "invalid", "it names no file"),
        ("c.wav", "invalid", "it has no label (line 6 of the table)"),
        ("d.wav", "invalid", "it has no fold (line 7 of the table)"),
        ("e.wav", "invalid", "its rows disagree on fold: ['1', '2'] (line 8 of the table)"),
    ]


def test_composed_names_find_decomposed_files(folder, write_sound):
    on_disk = unicodedata.normalize("NFD", "héron.wav")
    write_sound(folder / "audio" / on_disk)
    text = unicodedata.normalize("NFC", "path,label\naudio/héron.wav,bird\naudio/a.wav,dog\n")
    dataset = Dataset.from_csv(table(folder, text))
    assert dataset.problems == ()
    assert all(clip.source.is_file() for clip in dataset.clips())


def test_no_file_is_there(folder):
    with pytest.raises(DataError, match=r"none of the 2 sounds.*The first: .*x.wav: there is no such file \(line 2"):
        Dataset.from_csv(table(folder, "path,label\nx.wav,dog\ny.wav,cat\n"))


@pytest.mark.parametrize("text", ["", "path,label\n", "path,label\n\n,\n"])
def test_a_table_without_rows(folder, text):
    with pytest.raises(DataError, match="at least one row are needed"):
        Dataset.from_csv(table(folder, text))


def test_tables_that_are_none(folder):
    path = folder / "labels.csv"
    path.write_bytes("path,label\nä.wav,dog\n".encode("latin-1"))
    with pytest.raises(DataError, match="must be UTF-8"):
        Dataset.from_csv(path)
    with pytest.raises(DataError, match=r"cannot be read .No such file"):
        Dataset.from_csv(folder / "absent.csv")
    with pytest.raises(DataError, match="each column must have a name of its own"):
        Dataset.from_csv(table(folder, "path,label,label\na,b,c\n"))
    with pytest.raises(DataError, match="not a table that can be read"):
        Dataset.from_csv(table(folder, 'path,label\n"a,b\n'))


def test_a_part_of_a_file_is_a_clip_of_its_own(folder):
    text = "path,label,start_s,end_s\naudio/a.wav,dog,0,0.005\naudio/a.wav,cat,0.005,\naudio/b.wav,cat,,\n"
    dataset = Dataset.from_csv(table(folder, text))
    assert (dataset.task, dataset.problems) == ("single_label", ())
    assert [(clip.start, clip.end, clip.labels) for clip in dataset.clips()] == [
        (0, 40, ("dog",)),
        (40, None, ("cat",)),
        (None, None, ("cat",)),
    ]
    assert [clip.range_s() for clip in dataset.clips()] == [(0.0, 0.005), (0.005, None), (0.0, None)]
    # Both parts are of one recording.
    groups = dataset.groups()
    assert groups[0] == groups[1] != groups[2]


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ("-1,0.005", "must hold seconds from the start of the sound, not '-1'"),
        ("x,0.005", "must hold seconds from the start of the sound, not 'x'"),
        ("0.005,0.005", "end after it begins"),
        ("7,8", "the sound lasts 0.01 s"),
    ],
)
def test_times_that_are_none(folder, times, problem):
    dataset = Dataset.from_csv(table(folder, f"path,label,start_s,end_s\naudio/a.wav,dog,{times}\naudio/b.wav,cat,,\n"))
    assert len(dataset) == 1
    assert problem in str(dataset.problems[0])


def test_a_column_a_class(folder):
    text = "path,dog,cat\naudio/a.wav,1,0\naudio/b.wav,1,1\naudio/c.wav,0,0\n"
    dataset = Dataset.from_csv(table(folder, text), label_columns=["cat", "dog"])
    assert dataset.task == "multi_label"
    np.testing.assert_array_equal(dataset.targets(), [[0, 1], [1, 1], [0, 0]])
    soft = Dataset.from_csv(
        table(folder, "path,dog,cat\naudio/a.wav,0.25,0.75\naudio/b.wav,1,0\n"), label_columns=["cat", "dog"]
    )
    assert soft.task == "single_label"
    np.testing.assert_array_equal(soft.targets(), [[0.75, 0.25], [0, 1]])
    with pytest.raises(DataError, match="must be columns of it"):
        Dataset.from_csv(table(folder, text), label_columns=["cow"])


def test_other_columns_are_kept(folder):
    dataset = Dataset.from_csv(table(folder, "path,label,place,clip_id\naudio/a.wav,dog,Oslo,7\naudio/b.wav,cat,,8\n"))
    assert dataset.table["place"].to_pylist() == ["Oslo", ""]
    assert "7" not in dataset.table["clip_id"].to_pylist()


def test_a_resolver_finds_the_files(folder):
    dataset = Dataset.from_csv(
        table(folder, "path,label\nA,dog\nB,cat\n"), resolve=lambda name: f"audio/{name.lower()}.wav"
    )
    assert labels_of(dataset) == {"a.wav": ("dog",), "b.wav": ("cat",)}


def test_forms_of_tables_are_alike(folder):
    """CSV, JSON lines, Parquet, Arrow and a list of dicts with the same rows give the same dataset."""
    records = [
        {"path": "audio/a.wav", "label": "dog", "fold": 1, "place": "Oslo"},
        {"path": "audio/b.wav", "label": "cat", "fold": 2, "place": None},
    ]
    arrow = pyarrow.Table.from_pylist(records)
    pyarrow.parquet.write_table(arrow, folder / "labels.parquet")
    (folder / "labels.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    csv = table(folder, "path,label,fold,place\naudio/a.wav,dog,1,Oslo\naudio/b.wav,cat,2,\n")
    datasets = [
        Dataset.from_csv(csv),
        open_dataset(folder / "labels.jsonl"),
        open_dataset(folder / "labels.parquet"),
        Dataset.from_table(arrow, root=folder),
        Dataset.from_table(records, root=folder),
    ]
    assert len({dataset.digest() for dataset in datasets}) == 1
    assert {dataset.source_kind for dataset in datasets} == {"csv", "table"}
    again = Dataset.from_table(datasets[0].to_arrow(), root=folder)
    assert again.digest() == datasets[0].digest()


def test_lists_and_weights_in_json_lines(folder):
    path = folder / "labels.jsonl"
    path.write_text('{"path": "audio/a.wav", "label": ["dog", "cat"]}\n\n{"path": "audio/b.wav", "label": []}\n')
    assert Dataset.from_csv(path).task == "multi_label"
    path.write_text('{"path": "audio/a.wav", "label": {"dog": 0.5, "cat": 0.5}}\n')
    np.testing.assert_array_equal(Dataset.from_csv(path).targets(), [[0.5, 0.5]])
    path.write_text("[1]\n")
    with pytest.raises(DataError, match="line 1: a row must be a JSON object"):
        Dataset.from_csv(path)
    path.write_text("{\n")
    with pytest.raises(DataError, match="line 1: not JSON"):
        Dataset.from_csv(path)


def test_tables_in_memory_that_are_none(folder):
    with pytest.raises(DataError, match="a data frame of pandas or polars"):
        Dataset.from_table(7)
    with pytest.raises(DataError, match="at least one row"):
        Dataset.from_table([])


def test_weights_of_labels_are_kept_on_disk(folder):
    dataset = Dataset.from_files(
        [folder / "audio" / "a.wav", folder / "audio" / "b.wav"], [{"dog": 0.5, "cat": 0.5}, {"dog": 1.0}]
    )
    Split("by hand", np.array([0]), test=np.array([1])).to_csv(dataset, folder / "split.csv")
    again = Dataset.from_csv(folder / "split.csv")
    assert again.problems == ()
    np.testing.assert_array_equal(again.targets(), dataset.targets())


def test_paths_as_windows_writes_them(folder):
    dataset = Dataset.from_csv(table(folder, "path,label\naudio\\a.wav,dog\n.\\audio\\b.wav,cat\n"))
    assert labels_of(dataset) == {"a.wav": ("dog",), "b.wav": ("cat",)}


def test_columns_as_pandas_writes_them(folder):
    text = "path,dog,cat,fold\naudio/a.wav,True,False,1.0\naudio/b.wav,False,True,2.0\n"
    dataset = Dataset.from_csv(table(folder, text), label_columns=["dog", "cat"])
    assert (labels_of(dataset), dataset.folds()) == ({"a.wav": ("dog",), "b.wav": ("cat",)}, (1, 2))


def test_a_folder_in_another_unicode_form(tmp_path, write_sound):
    for name in ("café", "cats"):
        write_sound(tmp_path / unicodedata.normalize("NFD", name) / "süß" / "a.wav")
    dataset = Dataset.from_csv(table(tmp_path, "path,label\ncafé/süß/a.wav,café\ncats/süß/a.wav,cats\n"))
    assert (len(dataset), dataset.problems) == (2, ())


@pytest.mark.parametrize("text", ["a" * 200_000, "path,label," + "a" * 200_000 + "\naudio/a.wav,dog,x\n"])
def test_a_header_that_is_none(folder, text):
    with pytest.raises(DataError, match="not a table that can be read"):
        Dataset.from_csv(table(folder, text))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([["dog"]], "a list of labels must hold texts or whole numbers, not \\['dog'\\]"),
        ([0.0, 1.0], "a list of labels must hold texts or whole numbers, not 0.0"),
        ([{"name": "dog"}], "must hold objects with id and weight"),
    ],
)
def test_lists_that_are_no_labels(folder, labels, message):
    path = folder / "labels.jsonl"
    path.write_text(json.dumps({"path": "audio/a.wav", "labels": labels}))
    with pytest.raises(DataError, match=message):
        Dataset.from_csv(path)


def test_a_line_of_json_ends_at_a_line_feed_only(folder):
    rows = [{"path": f"audio/{name}.wav", "label": name, "note": "one\u2028two\x85three"} for name in "ab"]
    path = folder / "labels.jsonl"
    path.write_text("\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8", newline="")
    dataset = Dataset.from_csv(path)
    assert (len(dataset), dataset.table["note"][0].as_py()) == (2, "one\u2028two\x85three")


def test_numbers_too_large_for_a_column(folder):
    rows = [{"path": f"audio/{name}.wav", "label": name, "n": 10**30} for name in "ab"]
    path = folder / "labels.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(DataError, match="values of the column 'n'"):
        Dataset.from_csv(path)


def test_weights_in_a_map_of_arrow(folder):
    maps = pyarrow.array(
        [[("dog", 1.0)], [("cat", 0.75), ("dog", 0.25)]], pyarrow.map_(pyarrow.string(), pyarrow.float32())
    )
    rows = pyarrow.table({"path": ["audio/a.wav", "audio/b.wav"], "labels": maps})
    dataset = Dataset.from_table(rows, root=folder)
    np.testing.assert_array_equal(dataset.targets(), [[0, 1], [0.75, 0.25]])


def test_records_may_lack_what_others_have(folder):
    records = [
        {"path": folder / "audio" / "a.wav", "label": "dog"},
        {"path": folder / "audio" / "b.wav", "label": "cat", "group": "x"},
    ]
    assert Dataset.from_table(records).table["group"].to_pylist() == [None, "x"]


def test_columns_of_nothing_are_passed_over(folder):
    dataset = Dataset.from_csv(table(folder, "path,label,,\naudio/a.wav,dog,,\naudio/b.wav,cat,,\n,,,\n"))
    assert labels_of(dataset) == {"a.wav": ("dog",), "b.wav": ("cat",)}
    with pytest.raises(DataError, match="each column must have a name of its own"):
        Dataset.from_csv(table(folder, "path,label,,\naudio/a.wav,dog,x,y\n"))
