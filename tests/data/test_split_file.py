"""However a split file is written, each row names what its writer meant, once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.calibration import Units
from data.errors import DataError
from data.split_file import normal_path, read_split_file
from data.split_rows import match_rows, read_split_units, say_closest

PARTS = st.lists(
    st.text("abÄ01-_.", min_size=1, max_size=5).filter(lambda part: part not in {".", ".."}),
    min_size=1,
    max_size=4,
)
SEPARATORS = st.sampled_from(["/", "\\", "//", "/./", "\\\\"])


@pytest.fixture
def write(tmp_path):
    def write_table(*lines: str, encoding: str = "utf-8", name: str = "split.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return write_table


def splits_of(file: Path) -> dict[str, str]:
    return {row.path: row.split for row in read_split_file(file)}


@given(PARTS, st.data())
def test_every_spelling_of_a_path_has_one_normal_form(parts, data):
    start = data.draw(st.sampled_from(["", "./", ".\\", " "]))
    end = data.draw(st.sampled_from(["", "/", "\\", "/.", " "]))
    middle = parts[0] + "".join(data.draw(SEPARATORS) + part for part in parts[1:])
    assert normal_path(start + middle + end) == "/".join(parts)


@given(st.text("a/.\\", max_size=9))
def test_a_normal_path_stays_as_it_is(text):
    assert normal_path(normal_path(text)) == normal_path(text)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_first_line_decides_what_separates(separator, write):
    file = write(f"split{separator}path", f'train{separator}"a,b;c.tif"')
    assert splits_of(file) == {"a,b;c.tif": "train"}


def test_a_comma_in_a_column_name_separates_nothing_in_a_table_of_semicolons(write):
    assert splits_of(write("path;split;x, y, z", "a.tif;val;1, 2, 3")) == {"a.tif": "val"}


def test_case_and_blanks_around_columns_and_splits_do_not_matter(write):
    file = write(" Path , SPLIT", "A.tif, Train", "b.tif,VAL ", "c.tif,tEst")
    assert splits_of(file) == {"A.tif": "train", "b.tif": "val", "c.tif": "test"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_marks_of_spreadsheets_are_read(encoding, write):
    file = write("path,split", "Gebiet Ä.tif,train", encoding=encoding)
    assert splits_of(file) == {"Gebiet Ä.tif": "train"}


def test_blank_lines_are_no_rows_and_still_count(write):
    file = write("", "path,split", "", "a.tif,train", ",", "b.tif,val")
    assert [row.line for row in read_split_file(file)] == [4, 6]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("path,split", "a,train", "a,test"), r"line 2 \(train\) and in line 3 \(test\)"),
        (("path,split", "a,train", "a,train"), r"lists a in line 2 \(train\) and in line 3"),
        (("path,split", "a/b,train", "./a\\b/,val"), "lists a/b in line 2"),
        (("path,split", ",train"), "line 2 of split.csv has none"),
        (("path,split", "a\0b,train"), "line 2 of split.csv has none"),
        (("path,split", "a"), "says '' for a"),
        (("path,split", "a,b,train"), "says 'b' for a"),
        (("path,split,Path", "a,train,b"), "has 2 columns path"),
        (("path split", "a train"), "lacks path and split: .* separated by"),
        (("path;part", "a;train"), "lacks split"),
        (("path,split,units", "a,train,power"), "units are .* says 'power' for a"),
    ],
)
def test_a_wrong_table_is_refused(lines, message, write):
    with pytest.raises(DataError, match=message):
        read_split_file(write(*lines))


def test_a_folder_is_no_split_file(tmp_path):
    with pytest.raises(DataError, match="check --split-file"):
        read_split_file(tmp_path)


def test_a_file_of_any_bytes_is_refused(tmp_path):
    (tmp_path / "split.csv").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(DataError, match=r"split\.csv"):
        read_split_file(tmp_path / "split.csv")


@given(st.binary(max_size=60), st.sampled_from([b"", b"path,split\n", b"path;split;units\n"]))
def test_any_file_is_read_or_refused(tmp_path_factory, content, header):
    file = tmp_path_factory.getbasetemp() / "any.csv"
    file.write_bytes(header + content)
    try:
        rows = read_split_file(file)
    except DataError:
        return
    assert all(row.split in {"train", "val", "test"} for row in rows)
    match_rows(rows, file, [(file.parent / "a.tif", "a.tif")])


@given(st.lists(st.tuples(PARTS, st.sampled_from(["train", "val", "test"])), unique_by=str))
def test_a_written_table_is_read_back(tmp_path_factory, drawn):
    split_of = {"/".join(parts): split for parts, split in drawn}
    file = tmp_path_factory.getbasetemp() / "written.csv"
    lines = ["path;split", *(f'"{path}";{split}' for path, split in split_of.items())]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert splits_of(file) == split_of


@pytest.fixture
def image(tmp_path) -> tuple[Path, str]:
    path = tmp_path / "scenes" / "set" / "a.tif"
    path.parent.mkdir(parents=True)
    path.touch()
    return path, "set/a.tif"


def matched(file: Path, *images: tuple[Path, str]) -> list[list[str]]:
    return [[r.split for r in rows] for rows in match_rows(read_split_file(file), file, images)]


@pytest.mark.parametrize(
    "spelling",
    [
        "set/a.tif",
        "./set/a.tif",
        "set\\a.tif",
        "set//a.tif",
        "scenes/set/a.tif",
        ".\\scenes\\set\\a.tif",
        "scenes/../scenes/set/a.tif",
        "{root}/scenes/set/a.tif",
        "{root}//scenes/./set/a.tif",
        "set/",
        "{root}",
        ".",
    ],
)
def test_a_row_may_name_an_image_in_many_ways(spelling, image, write, tmp_path):
    assert matched(write("path,split", f"{spelling.format(root=tmp_path)},val"), image) == [["val"]]


def test_a_row_may_name_the_target_of_a_linked_folder(image, write, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "scenes")
    linked = tmp_path / "link" / "set" / "a.tif"
    file = write("path,split", f"{image[0]},val")
    assert matched(file, (linked, "set/a.tif")) == [["val"]]


@pytest.mark.parametrize("other", ["scenes/set/a.tif", "{root}/scenes/set/a.tif"])
def test_one_scene_in_two_spellings_is_refused_naming_both(other, image, write, tmp_path):
    file = write("path,split", "set/a.tif,train", f"{other.format(root=tmp_path)},test")
    with pytest.raises(DataError, match=r"as set/a\.tif and as .*scenes/set/a\.tif in line 2"):
        matched(file, image)


def test_paths_that_mean_two_scenes_are_read_as_the_others_are(tmp_path, write):
    inner = (tmp_path / "s" / "s" / "a.tif", "s/a.tif")
    outer = (tmp_path / "s" / "a.tif", "a.tif")
    from_file = write("path,split", "s/a.tif,train", "s/s/a.tif,val")
    assert matched(from_file, inner, outer) == [["val"], ["train"]]
    from_scenes = write("path,split", "a.tif,train", "s/a.tif,val")
    assert matched(from_scenes, inner, outer) == [["val"], ["train"]]


def test_units_are_read_where_they_are_stated(image, write):
    other = (image[0].with_name("b.tif"), "set/b.tif")
    file = write("path;split;Units", "set/a.tif;train; DB", "set/b.tif;val;")
    assert read_split_units(file, [image, other]) == {"set/a.tif": Units.DB}


def test_a_file_without_units_takes_those_of_its_folder(image, write):
    file = write("path,split,units", "set/a.tif,train,", "set,val,intensity")
    assert read_split_units(file, [image]) == {"set/a.tif": Units.INTENSITY}


def test_a_table_without_the_column_states_no_units(image, write):
    assert read_split_units(write("path,split", "set/a.tif,train"), [image]) == {}


def test_nothing_is_close_to_a_word_that_resembles_none():
    assert say_closest("zzz", ["set/a.tif"], "scene") == ""
