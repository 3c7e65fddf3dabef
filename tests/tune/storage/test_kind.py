"""What kind a study is of, also where its folder is from before kinds were written."""

import json

import pytest

from tune.errors import UsageError
from tune.storage.kind import Kind, read_kind


def note(folder, **manifest) -> None:
    folder.manifest_file.write_text(json.dumps(manifest))


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_that_is_written_is_read_back(study_folder, kind):
    note(study_folder, kind=kind)
    assert read_kind(study_folder) is kind


def test_an_unknown_kind_is_refused(study_folder):
    note(study_folder, kind="sweep")
    with pytest.raises(UsageError, match="a search, a promotion, a training, found 'sweep'"):
        read_kind(study_folder)


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("tune.search", Kind.SEARCH),
        ("tune.promote", Kind.PROMOTION),
        ("tune.train", Kind.TRAINING),
    ],
)
def test_an_older_manifest_says_it_by_its_command(study_folder, module, kind):
    note(study_folder, command=["python", "-m", module, "--ratio", "16"])
    assert read_kind(study_folder) is kind


def test_a_study_that_bears_the_name_of_a_command_is_what_made_it(study_folder):
    note(study_folder, command=["python", "-m", "tune.search", "--name", "tune.train"])
    assert read_kind(study_folder) is Kind.SEARCH


@pytest.mark.parametrize("command", [None, 3, [], ["python"], [["tune.promote"]] * 3])
def test_a_command_that_is_none_says_nothing(study_folder, command):
    note(study_folder, command=command)
    assert read_kind(study_folder) is Kind.SEARCH


@pytest.mark.parametrize(
    ("setting", "kind"), [("top = 3", Kind.PROMOTION), ("trials = 3", Kind.SEARCH)]
)
@pytest.mark.parametrize("manifest", [None, "{", "[]", "{}"])
def test_without_a_manifest_the_configuration_tells(study_folder, setting, kind, manifest):
    study_folder.config_file.write_text(f'arch = "baseline"\n{setting}\n')
    if manifest is not None:
        study_folder.manifest_file.write_text(manifest)
    assert read_kind(study_folder) is kind


def test_an_empty_folder_counts_as_a_search(study_folder):
    assert read_kind(study_folder) is Kind.SEARCH
