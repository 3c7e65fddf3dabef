"""A later run replaces what an earlier one wrote, and nothing of a person's."""

import json

import pytest

from analysis.exports.own_files import LIST, MAKER, remove_own, write_own
from tune.errors import UsageError


def files(*names, content="ours"):
    return {name: lambda path: path.write_text(content, encoding="utf-8") for name in names}


def names_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def written(tmp_path):
    """A folder with two files of ours, and one of a person's beside them."""
    write_own(tmp_path, {"tables": files("tables/a.csv", "tables/b.csv")})
    (tmp_path / "tables" / "mine.csv").write_text("mine", encoding="utf-8")
    return tmp_path


def test_what_an_earlier_run_wrote_goes_and_what_a_person_wrote_stays(written):
    write_own(written, {"tables": files("tables/a.csv")})
    assert names_in(written) == {"tables/a.csv", "tables/mine.csv", LIST}


def test_a_file_of_ours_is_replaced(written):
    write_own(written, {"tables": files("tables/a.csv", content="new")})
    assert (written / "tables" / "a.csv").read_text(encoding="utf-8") == "new"


def test_files_of_another_part_stay(written):
    write_own(written, {"static": files("static/a.png")})
    assert names_in(written) >= {"tables/a.csv", "tables/b.csv", "static/a.png"}


@pytest.mark.parametrize("adopts", [False, True])
def test_a_file_of_a_persons_is_never_replaced_and_nothing_is_written_then(written, adopts):
    before = names_in(written)
    with pytest.raises(UsageError, match=r"found '.*mine.csv'"):
        write_own(written, {"tables": files("tables/c.csv", "tables/mine.csv")}, adopts=adopts)
    assert names_in(written) == before
    assert (written / "tables" / "mine.csv").read_text(encoding="utf-8") == "mine"


def test_without_a_list_nothing_is_removed_and_only_what_is_adopted_is_replaced(written):
    (written / LIST).unlink()
    with pytest.raises(UsageError, match=r"found '.*a.csv'"):
        write_own(written, {"tables": files("tables/a.csv")})
    write_own(written, {"tables": files("tables/a.csv", content="new")}, adopts=True)
    assert (written / "tables" / "a.csv").read_text(encoding="utf-8") == "new"
    assert names_in(written) == {"tables/a.csv", "tables/b.csv", "tables/mine.csv", LIST}


@pytest.mark.parametrize("content", ["", "mine", "[]", '{"files": {}}', '{"made_by": "sar-tune"}'])
def test_a_file_of_a_persons_in_the_place_of_the_list_is_refused_and_stays(tmp_path, content):
    (tmp_path / LIST).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=rf"found '.*{LIST}'"):
        write_own(tmp_path, {"tables": files("tables/a.csv")}, adopts=True)
    assert names_in(tmp_path) == {LIST}
    assert (tmp_path / LIST).read_text(encoding="utf-8") == content


def test_a_run_that_is_killed_leaves_nothing_that_seems_a_persons(tmp_path):
    def killed(path):
        path.write_text("torn", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_own(tmp_path, {"tables": {"tables/a.csv": killed}})
    write_own(tmp_path, {"tables": files("tables/b.csv")})
    assert names_in(tmp_path) == {"tables/b.csv", LIST}


def test_of_several_parts_none_is_written_where_one_is_refused(written):
    before = names_in(written)
    parts = {"report": files("report.html"), "tables": files("tables/mine.csv")}
    with pytest.raises(UsageError, match=r"found '.*mine.csv'"):
        write_own(written, parts)
    assert names_in(written) == before


def test_the_same_files_give_the_same_list(written):
    before = (written / LIST).read_bytes()
    write_own(written, {"tables": files("tables/b.csv", "tables/a.csv")})
    assert (written / LIST).read_bytes() == before


def test_a_folder_that_is_empty_without_our_files_goes_too(tmp_path):
    write_own(tmp_path, {"curves": files("curves/old/a.json", "curves/b.json")})
    write_own(tmp_path, {"curves": files("curves/b.json")})
    assert [path.name for path in (tmp_path / "curves").iterdir()] == ["b.json"]


@pytest.mark.parametrize("name", ["../mine.txt", "link/mine.txt", "{absolute}"])
def test_a_list_that_leads_out_of_the_folder_removes_nothing(tmp_path, name):
    mine, out = tmp_path / "mine.txt", tmp_path / "out"
    mine.write_text("mine", encoding="utf-8")
    out.mkdir()
    (out / "link").symlink_to(tmp_path)
    listed = {"made_by": MAKER, "files": {"tables": [name.format(absolute=mine)]}}
    (out / LIST).write_text(json.dumps(listed), encoding="utf-8")
    write_own(out, {"tables": files("tables/a.csv")})
    assert mine.exists()


def test_a_folder_in_the_place_of_our_file_stays_unless_it_is_empty(written):
    (written / "tables" / "b.csv").unlink()
    (written / "tables" / "b.csv").mkdir()
    (written / "tables" / "b.csv" / "mine.txt").write_text("mine", encoding="utf-8")
    write_own(written, {"tables": files("tables/a.csv")})
    assert "tables/b.csv/mine.txt" in names_in(written)


def test_removing_what_is_missing_is_no_error(tmp_path):
    remove_own(tmp_path, ["gone.txt", "folder/gone.txt"])
    assert tmp_path.is_dir()
