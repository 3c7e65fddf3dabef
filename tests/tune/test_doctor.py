"""The doctor: names what is torn, repairs it from the journal, and keeps every original."""

from pathlib import Path

import pytest

from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.config.search import write_config
from tune.doctor import main
from tune.outcomes import Outcome
from tune.results.examination import examine_study
from tune.storage.folder import StudyFolder
from tune.storage.history import Agreement
from tune.storage.journal import StudyJournal
from tune.storage.journal_file import keep_readable
from tune.storage.lock import study_lock
from tune.storage.recorder import Recorder
from tune.storage.replay import project_tables
from tune.tables.files import read_table, write_table
from tune.trial.clock import StudyClock
from tune.trial.spec import DataSpec, TrialSpec


@pytest.fixture
def folder(study_folder, study_facts, make_epoch) -> StudyFolder:
    """A whole study of two ended trials with two epochs each."""
    config = resolve({"arch": "baseline"}, {}, Machine("cpu", 2))[0].config
    study_folder.config_file.write_text(write_config(config))
    study_folder.manifest_file.write_text('{"created_at": "2026-01-01T00:00:00"}')
    journal = StudyJournal.create(study_folder.journal, study_folder.name)
    journal.agree(Agreement((), "fp32", False, study_facts))
    recorder = Recorder(study_folder, study_facts, journal, StudyClock())
    for number in range(2):
        journal.study.ask()
        recorder.begin(
            TrialSpec(
                study=study_folder.name,
                number=number,
                model=ModelConfig("baseline", 16, 8),
                train=TrainConfig(epochs=10),
                data=DataSpec("corpus", 64, 0.05, 8, 0, "0" * 16, "1" * 16),
                device="cpu",
                proposed_by="searcher",
            )
        )
        for epoch in (1, 2):
            recorder.add_epoch(number, make_epoch(epoch, 20.0))
        recorder.end(number, Outcome.DIVERGED, "train loss is nan in epoch 3")
    recorder.flush()
    write_table(study_folder.tables, "references", [])
    return study_folder


def doctor(folder: StudyFolder, *flags: str) -> int:
    return main([folder.name, "--results", str(folder.path.parent), *flags])


def torn(folder: StudyFolder) -> list[str]:
    return [finding.part for finding in examine_study(folder) if not finding.is_whole]


def cut_in_half(path: Path) -> bytes:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path.read_bytes()


def test_a_whole_study_is_said_to_be_whole(folder, capsys):
    assert doctor(folder) == 0
    assert "torn" not in capsys.readouterr().out


def test_a_study_that_was_interrupted_before_its_reference_lines_is_whole(folder, capsys):
    (folder.tables / "references.parquet").unlink()
    assert doctor(folder) == 0
    assert "none: no session has computed them" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["trials", "epochs", "rungs"])
def test_a_torn_table_is_written_again_from_the_journal(folder, name):
    before = read_table(folder.path.parent, name)
    half = cut_in_half(folder.tables / f"{name}.parquet")
    assert torn(folder) == [f"tables/{name}.parquet"]
    assert doctor(folder, "--repair") == 0
    assert read_table(folder.path.parent, name).equals(before)
    assert (folder.tables / f"{name}.parquet.1.torn").read_bytes() == half


def test_a_table_that_lacks_rows_of_the_journal_is_written_again(folder):
    before = read_table(folder.path.parent, "epochs")
    write_table(folder.tables, "epochs", [])
    assert torn(folder) == ["tables/epochs.parquet"]
    doctor(folder, "--repair")
    assert read_table(folder.path.parent, "epochs").equals(before)


def test_the_torn_end_of_a_journal_is_cut_off_and_the_original_kept(folder):
    whole = folder.journal.read_bytes()
    folder.journal.write_bytes(whole + b'{"op_code":8,"tri')
    assert torn(folder) == ["journal"]
    assert doctor(folder, "--repair") == 0
    assert folder.journal.read_bytes() == whole
    assert folder.journal.with_name("journal.1.torn").read_bytes().startswith(whole)


def test_a_lost_fact_inside_the_journal_costs_only_that_fact(folder):
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    (position,) = [i for i, line in enumerate(lines) if b'"epoch:2"' in line and b":0," in line][:1]
    lines[position] = b"\0" * 10 + b"\n"
    folder.journal.write_bytes(b"".join(lines))
    assert torn(folder) == ["journal"]
    assert doctor(folder, "--repair") == 0
    counts = [len(trial.epochs) for trial in StudyJournal.open(folder.journal).trials()]
    assert sorted(counts) == [1, 2]


def test_nothing_is_said_of_the_wrong_trial_when_the_line_that_made_one_is_lost(folder):
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    second = [i for i, line in enumerate(lines) if b'"op_code":4' in line][1]
    damaged = [*lines[:second], b"garbage\n", *lines[second + 1 :]]
    assert keep_readable(b"".join(damaged)) == b"".join(lines[:second])


def test_a_damaged_checkpoint_is_moved_aside(folder):
    path = folder.checkpoints / "study_t000.pt"
    path.write_bytes(b"garbage")
    assert torn(folder) == ["checkpoints/study_t000.pt"]
    assert doctor(folder, "--repair") == 0
    assert not path.exists()
    assert (folder.checkpoints / "study_t000.pt.1.torn").read_bytes() == b"garbage"


def test_drafts_of_a_killed_writer_are_removed(folder):
    draft = folder.tables / "trials.4711.tmp"
    draft.write_bytes(b"half")
    assert torn(folder) == ["tables/trials.4711.tmp"]
    doctor(folder, "--repair")
    assert not draft.exists()


def test_looking_changes_nothing(folder):
    cut_in_half(folder.tables / "epochs.parquet")
    folder.journal.write_bytes(folder.journal.read_bytes() + b"{")
    before = {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
    assert doctor(folder) == 1
    assert {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()} == before


def test_a_running_study_is_not_repaired(folder, capsys):
    with study_lock(folder.lock):
        assert doctor(folder, "--repair") == 2
    assert "one driver at a time" in capsys.readouterr().err


def test_an_unknown_study_is_refused(folder, capsys):
    assert main(["studdy", "--results", str(folder.path.parent)]) == 2
    assert "did you mean study?" in capsys.readouterr().err


def test_what_follows_from_the_journal_is_what_the_tables_hold(folder):
    journal = StudyJournal.open(folder.journal)
    for name, rows in project_tables(folder, journal).items():
        written = read_table(folder.path.parent, name)
        write_table(folder.tables, name, rows)
        assert read_table(folder.path.parent, name).equals(written)


def test_a_kind_from_another_release_is_one_finding_among_the_others(folder, capsys):
    folder.manifest_file.write_text('{"kind": "sweep", "created_at": "2030-01-01"}')
    assert doctor(folder) == 1
    printed = capsys.readouterr().out
    assert "found 'sweep'" in printed
    assert "journal" in printed
