"""The command that a refusal names works as it stands, in a results folder of an odd name."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from models.training.objective import OBJECTIVES
from tests.tune.conftest import moment
from tune.config.command import check_results_exist
from tune.config.machine import Machine
from tune.config.promotion import read_promotion
from tune.errors import UsageError
from tune.promotion.plan import plan_promotion, resolve_promotion
from tune.results.promotions import promotion_to_resume
from tune.results.resume import find_study
from tune.results.searches import choose_searches
from tune.simulation.studies import read_studies
from tune.statistics.objectives import check_scored
from tune.storage.folder import StudyFolder, create_study_folder
from tune.storage.history import Agreement
from tune.storage.journal import StudyJournal
from tune.storage.kind import Kind
from tune.tables.files import read_table
from tune.trial.session import open_corpus

RESULTS = "it's of may"


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    """An empty working folder, where nothing is timed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tune.config.machine._has_cuda", lambda: False)
    monkeypatch.setattr("tune.study.estimate.prepare_process", lambda num_threads: True)


@pytest.fixture
def make_study(make_search, study_facts):
    """Write a search into the odd folder, which the doctor can repair."""

    def make(*scores_db: float, **flags) -> StudyFolder:
        folder = make_search(*scores_db, results=RESULTS, **flags)
        StudyJournal.open(folder.journal).agree(Agreement((), "fp32", False, study_facts))
        return folder

    return make


@pytest.fixture
def finished_promotion(make_study, tiny_corpus) -> StudyFolder:
    """Write a finished promotion of a search."""
    make_study(20.0, 21.0)
    (search,) = choose_searches(RESULTS, None, None, None, None)
    promotion = resolve_promotion({"results": RESULTS, "epochs": 2}, search, Machine("cpu", 2))
    plan = plan_promotion(promotion, search, open_corpus(str(tiny_corpus)))
    folder = create_study_folder(plan.config, {"study.toml": plan.config_text}, mode="full")
    StudyJournal.create(folder.journal, folder.name).finish(moment(1))
    return folder


def refused(body) -> str:
    with pytest.raises(UsageError) as caught:
        body()
    return str(caught.value)


def type_it(sentence: str, *more: str) -> int:
    """Run the command of a sentence, with further flags; return its exit code."""
    typed = sentence[sentence.index("python -m ") :]
    typed = typed[: re.search(rf"--results {re.escape(shlex.quote(RESULTS))}", typed).end()]
    _, _, module, *arguments = shlex.split(typed)
    return importlib.import_module(module).main([*arguments, *more])


def test_a_table_that_is_none_is_repaired(make_study):
    folder = make_study(20.0)
    (folder.tables / "trials.parquet").write_bytes(b"none")
    assert type_it(refused(lambda: read_table(RESULTS, "trials"))) == 0
    assert len(read_table(RESULTS, "trials")) == 1


def test_a_table_that_is_torn_inside_is_repaired(make_study):
    folder = make_study(20.0)
    content = bytearray((folder.tables / "trials.parquet").read_bytes())
    rows_end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[4:rows_end] = bytes(rows_end - 4)
    (folder.tables / "trials.parquet").write_bytes(content)
    sentence = refused(lambda: read_table(RESULTS, "trials"))
    assert "torn inside" in sentence
    assert type_it(sentence) == 0
    assert len(read_table(RESULTS, "trials")) == 1


def test_epochs_without_their_score_are_written_again(make_study):
    make_study(20.0)
    epochs = read_table(RESULTS, "epochs").assign(val_psnr_db=float("nan"))
    sentence = refused(lambda: check_scored(OBJECTIVES["psnr"], epochs, RESULTS))
    assert type_it(sentence) == 0


def test_a_damaged_journal_is_examined(make_study, capsys):
    folder = make_study(20.0)
    folder.journal.write_bytes(b"{torn\n{torn\n{torn\n")
    assert type_it(refused(lambda: StudyJournal.open(folder.journal))) == 1
    assert f"study {folder.path}" in capsys.readouterr().out


def test_an_unfinished_search_that_is_named_is_resumed(make_study, capsys):
    name = make_study(20.0, trials=3).name
    sentence = refused(lambda: choose_searches(RESULTS, None, None, name, None))
    assert type_it(sentence, "--dry-run") == 0
    assert f"resumes {name}" in capsys.readouterr().out


def test_an_unfinished_search_that_is_found_is_resumed(make_study, capsys):
    name = make_study(20.0, trials=3).name
    sentence = refused(lambda: choose_searches(RESULTS, None, None, None, None))
    assert type_it(sentence, "--dry-run") == 0
    assert f"resumes {name}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_search_of_what_is_asked_for_is_made(tiny_corpus, capsys):
    sentence = refused(lambda: choose_searches(RESULTS, ["resnet"], [8], None, None))
    more = ("--dry-run", "--data", str(tiny_corpus), "--crop-px", "32")
    assert type_it(sentence, *more) == 0
    assert "resnet 8x" in capsys.readouterr().out


def test_a_search_is_resumed_by_its_own_command(make_study, capsys):
    name = make_study(20.0, trials=3).name
    sentence = refused(lambda: find_study(RESULTS, name, Kind.PROMOTION))
    assert type_it(sentence, "--dry-run") == 0
    assert f"resumes {name}" in capsys.readouterr().out


def test_a_promotion_is_resumed_by_its_own_command(finished_promotion, capsys):
    sentence = refused(lambda: find_study(RESULTS, finished_promotion.name, Kind.SEARCH))
    assert type_it(sentence, "--dry-run") == 2
    assert "a finished promotion does nothing more" in capsys.readouterr().err


def test_a_finished_promotion_is_made_again(finished_promotion, capsys):
    sentence = refused(lambda: promotion_to_resume(RESULTS, finished_promotion.name))
    assert type_it(sentence, "--dry-run") == 0
    assert "3 candidates" in capsys.readouterr().out


def test_a_promotion_without_some_settings_is_made_anew(finished_promotion, capsys):
    file = finished_promotion.config_file
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("study")))
    assert type_it(refused(lambda: read_promotion(file)), "--dry-run") == 0
    assert "3 candidates" in capsys.readouterr().out


@pytest.mark.slow
def test_a_first_search_makes_the_folder_that_is_missing(tiny_corpus):
    sentence = refused(lambda: check_results_exist(RESULTS))
    more = ("--dry-run", "--data", str(tiny_corpus), "--crop-px", "32")
    assert type_it(sentence, *more) == 0


@pytest.mark.slow
def test_a_replay_without_a_study_names_a_first_search(tiny_corpus):
    sentence = refused(lambda: read_studies(RESULTS, None, None))
    more = ("--dry-run", "--data", str(tiny_corpus), "--crop-px", "32")
    assert type_it(sentence, *more) == 0


def test_no_sentence_puts_a_command_together_by_itself():
    """All but those of the commands' own names come from one place."""
    package = Path(__file__).parents[2] / "tune"
    pattern = re.compile(r"python -m (?:tune|analysis)\.\w+[^\"`]*\{")
    found = [
        path.name
        for path in package.rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
