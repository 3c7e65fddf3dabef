"""What is promoted and what is refused, on results folders made by hand: nothing is trained."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.registry import ModelConfig
from models.training.precision import PLAIN
from tests.tiny_corpus import build_tiny_corpus
from tune import promote
from tune.config.machine import Machine
from tune.config.promotion import read_promotion, write_promotion
from tune.doctor import main as doctor
from tune.outcomes import Outcome
from tune.promotion.plan import plan_promotion, resolve_promotion
from tune.results.searches import choose_searches, find_searches
from tune.space.points import CONTROL, Suggestion
from tune.storage.folder import StudyFolder, create_study_folder
from tune.storage.journal import StudyJournal
from tune.study.opening import choose_study_stack
from tune.trial.clock import Moment
from tune.trial.session import open_corpus

CPU = Machine("cpu", 2)


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder where nothing can be started."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be run here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tune.config.machine._has_cuda", lambda: False)
    monkeypatch.setattr("tune.promote.run_all", refuse)
    return tmp_path


def planned(tiny_corpus, **asked: Any):
    (search,) = choose_searches("ray_results", None, None, None, None)
    promotion = resolve_promotion(asked, search, CPU)
    return plan_promotion(promotion, search, open_corpus(str(tiny_corpus)))


def refusal(capsys, *arguments: str) -> str:
    """Run a command that must refuse in one sentence and write nothing; return the sentence."""
    before = sorted(Path().rglob("*"))
    assert promote.main(list(arguments)) == 2
    assert sorted(Path().rglob("*")) == before
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_without_a_search_the_next_command_is_told(capsys):
    assert "found none in 'ray_results': python -m tune.search --arch all" in refusal(capsys)


def test_an_unfinished_search_is_not_promoted(make_search, capsys):
    folder = make_search(20.0, trials=3)
    assert "found 1 unfinished" in refusal(capsys, "--arch", "baseline")
    said = refusal(capsys, "--study", folder.name)
    assert (
        f"1 trials ended of 3: resume it with python -m tune.search --resume {folder.name}" in said
    )


def test_an_unknown_study_is_refused_with_the_nearest_one(make_search, capsys):
    folder = make_search(20.0)
    said = refusal(capsys, "--study", folder.name + "x")
    assert f"did you mean {folder.name}?" in said


def test_another_corpus_is_refused_with_both_fingerprints(make_search, capsys, tmp_path):
    make_search(20.0)
    other = build_tiny_corpus(tmp_path / "other", seed=5)
    (search,) = find_searches("ray_results", None, None)
    found = open_corpus(str(other)).info.fingerprint
    said = refusal(capsys, "--data", "other")
    assert search.corpus_fingerprint in said
    assert found in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "0"], "seeds must be 1 or more, found 0"),
        (["--top", "0"], "top must be 1 or more, found 0"),
        (["--epochs", "0"], "epochs must be 1 or more"),
        (["--patience", "0"], "patience must be 1 or more"),
        (["--data-fraction", "1.5"], "data_fraction must be 1 or less"),
        (["--arch", "unet"], "arch must be one of"),
        (["--ratio", "5"], "found 5 which leaves 51.20: choose one of"),
        (["--resume", "x", "--seeds", "2"], "found --seeds beside it"),
        (["--resume", "nothing"], "found 'nothing' and no study at all"),
        (["--config", "gone.toml"], "a configuration file must be readable"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(arguments, words, capsys):
    assert words in refusal(capsys, *arguments)


def test_a_plan_has_the_best_trials_and_the_control_with_every_seed(make_search, tiny_corpus):
    make_search(20.0, 21.0, 22.0)
    plan = planned(tiny_corpus, top=1, seeds=2)
    assert [one.name for one in plan.candidates] == ["c1", CONTROL]
    assert plan.num_runs == 4
    assert plan.candidates[0].search_val_psnr_db == 22.0
    assert plan.candidates[1].search_val_psnr_db is None  # no trial had its values


def test_a_hand_set_trial_as_the_predecessor_s_is_the_control(make_search, tiny_corpus):
    make_search(
        20.0, 21.0, 22.0,
        rate="elements", linear_path="off", schedule="plateau", mse_weight=0.5,
    )  # fmt: skip
    plan = planned(tiny_corpus, top=3)
    assert [one.name for one in plan.candidates] == ["c1", "c2", CONTROL]
    assert plan.candidates[-1].search_val_psnr_db == 20.0


def test_the_control_of_a_promotion_for_bytes_is_the_predecessor_s(make_search, tiny_corpus):
    from models.training.precision import PLAIN

    make_search(20.0, 21.0)
    plan = planned(tiny_corpus)
    candidate, control = (plan.run_spec(plan.candidate(name), PLAIN) for name in ("c1", CONTROL))
    assert (candidate.model.rate, candidate.model.linear_path) == ("bytes", True)
    width = candidate.model.base_channels
    assert control.model == ModelConfig("baseline", 16, width, rate="elements", linear_path=False)
    train = control.train
    assert (train.learning_rate, train.warmup_epochs, train.schedule) == (1e-4, 3, "plateau")
    assert (train.mse_weight, train.ssim_weight) == (0.5, 0.5)


def test_crop_batch_and_images_are_those_of_the_search(make_search, tiny_corpus):
    make_search(20.0, 21.0, val_images=8)
    plan = planned(tiny_corpus)
    assert (plan.crop_px, plan.val_images, plan.config.batch_size) == (32, 8, 8)
    assert plan.promotion.test_images == 8
    assert (plan.mode, plan.config.data_fraction, plan.config.epochs) == ("full", 1.0, 50)


def test_runs_differ_by_candidate_and_seed_only(make_search, tiny_corpus, study_folder):
    from models.training.precision import PLAIN

    make_search(20.0, 21.0)
    plan = planned(tiny_corpus, epochs=7, patience=4)
    suggestions = [
        Suggestion(number, name, {"candidate": name, "seed": seed})
        for number, (name, seed) in enumerate([("c1", 0), ("c1", 1), (CONTROL, 1)])
    ]
    first, second, control = (plan.trial_spec(one, PLAIN, study_folder) for one in suggestions)
    assert first.name == "study_c1_s0"
    assert Path(control.checkpoint).name == "study_control_s1.pt"
    assert replace(second.train, seed=0) == first.train
    assert (first.train.epochs, first.train.patience) == (7, 4)
    assert (first.train.learning_rate, control.train.learning_rate) == (2e-4, 1e-4)
    assert first.data == second.data == control.data


def test_a_run_whose_batch_does_not_fit_is_predicted_with_its_micro_batch(make_search, tiny_corpus):
    from models.training.precision import PLAIN
    from tune.card.packing import WORKER_RAM_MIB

    make_search(20.0, 21.0, crop_px=64, batch_size=32)
    plan = planned(tiny_corpus)
    whole = plan.run_spec(plan.candidates[0], PLAIN)
    assert whole.train.micro_batch is None
    # So much that the whole batch takes a little more than there is; weights are most of it.
    room_mib = plan.packing.usable_mib - WORKER_RAM_MIB
    correction = 1.03 * room_mib / whole.placement.predicted_peak_mib
    tight = replace(plan, packing=replace(plan.packing, correction=correction))
    run = tight.run_spec(plan.candidates[0], PLAIN)
    assert run.train.micro_batch < run.train.batch_size
    assert run.placement.predicted_peak_mib <= room_mib


def test_a_warmup_is_no_longer_than_the_training(make_search, tiny_corpus):
    make_search(20.0, 21.0)
    assert all(
        one.values["warmup_epochs"] == 2 for one in planned(tiny_corpus, epochs=2).candidates
    )


def test_the_time_follows_from_the_searched_trials(make_search, tiny_corpus):
    """A second of training at 5 % of the data, 0.2 s of validation: 20.2 s at all of it."""
    make_search(20.0, 21.0, data_fraction=0.05)
    plan = planned(tiny_corpus, epochs=10, seeds=1, top=1)
    assert plan.run_s(plan.candidates[0]) == pytest.approx(202.0)
    assert plan.predicted_s == pytest.approx(2 * 202.0 / 2)  # two runs on two cores


def test_the_newest_finished_search_of_each_cell_is_promoted_useful_ratios_first(make_search):
    make_search(20.0, ratio=4, second=1)
    make_search(20.0, ratio=16, second=2)
    newest = make_search(20.0, ratio=16, second=3)
    make_search(20.0, ratio=16, second=4, trials=9)
    make_search(20.0, ratio=8, second=5, arch="resnet")
    chosen = choose_searches("ray_results", None, None, None, None)
    assert [one.cell for one in chosen] == [("baseline", 16), ("resnet", 8), ("baseline", 4)]
    assert chosen[0].name == newest.name


def test_a_search_on_the_given_corpus_goes_before_a_newer_one_on_another(make_search):
    first = make_search(20.0, second=1)
    make_search(20.0, second=2)
    (known,) = choose_searches("ray_results", None, None, first.name, None)
    chosen = choose_searches("ray_results", None, None, None, known.corpus_fingerprint)
    assert len(chosen) == 1


def test_a_dry_run_prints_candidates_memory_and_hours_and_writes_nothing(make_search, capsys):
    make_search(20.0, 21.0, 22.0)
    before = sorted(Path().rglob("*"))
    assert promote.main(["--dry-run", "--epochs", "5"]) == 0
    assert sorted(Path().rglob("*")) == before
    shown = capsys.readouterr().out
    for word in ("c1", "c2", "c3", "control", "MiB", "h per run", "12 runs", "crops of 32 px"):
        assert word in shown


def test_a_written_promotion_is_read_back_equal(make_search, tiny_corpus, tmp_path):
    make_search(20.0, 21.0)
    promotion = planned(tiny_corpus, test_images=None, racing="off").promotion
    (tmp_path / "study.toml").write_text(write_promotion(promotion))
    assert read_promotion(tmp_path / "study.toml") == promotion


@pytest.fixture
def begin_promotion(make_search, tiny_corpus):
    """Write the folder of a promotion, finished or not."""

    def begin(finished: bool) -> StudyFolder:
        make_search(20.0, 21.0)
        plan = planned(tiny_corpus, epochs=2)
        folder = create_study_folder(plan.config, {"study.toml": plan.config_text}, mode="full")
        journal = StudyJournal.create(folder.journal, folder.name)
        if finished:
            journal.finish(Moment(datetime.now(UTC), 1.0))
        return folder

    return begin


def test_a_finished_promotion_is_left_alone_unless_its_cell_is_named(begin_promotion, capsys):
    begin_promotion(finished=True)
    assert promote.main(["--epochs", "2"]) == 0
    assert "nothing to promote" in capsys.readouterr().out
    assert promote.main(["--dry-run", "--epochs", "2", "--new"]) == 0
    assert "3 candidates" in capsys.readouterr().out
    assert promote.main(["--dry-run", "--epochs", "2", "--arch", "baseline", "--ratio", "16"]) == 0
    assert "3 candidates" in capsys.readouterr().out


def test_an_unfinished_promotion_goes_on_with_the_same_command(begin_promotion, capsys):
    folder = begin_promotion(finished=False)
    assert promote.main(["--dry-run", "--epochs", "2"]) == 0
    assert f"resumes {folder.name}: 0 runs ended" in capsys.readouterr().out
    assert promote.main(["--dry-run", "--epochs", "3"]) == 0
    assert "resumes" not in capsys.readouterr().out
    assert promote.main(["--dry-run", "--resume", folder.name]) == 0
    assert f"resumes {folder.name}" in capsys.readouterr().out


def test_a_finished_promotion_is_not_resumed(begin_promotion, capsys):
    folder = begin_promotion(finished=True)
    assert "a finished promotion does nothing more" in refusal(capsys, "--resume", folder.name)


def test_the_doctor_knows_a_promotion(begin_promotion, capsys):
    folder = begin_promotion(finished=False)
    doctor([folder.name])
    shown = capsys.readouterr().out
    assert "promotion of baseline_quick" in shown
    assert "references" not in shown


def test_a_search_does_not_take_up_a_promotion(begin_promotion):
    begin_promotion(finished=False)
    assert [one.cell for one in find_searches("ray_results", None, None)] == [("baseline", 16)]


@pytest.mark.parametrize(
    ("outcome", "left_out", "verdicts", "code"),
    [
        (Outcome.COMPLETED, (), ("best",), 0),
        (Outcome.FAILED, (), ("best",), 1),
        (Outcome.COMPLETED, ("c1_s0",), ("best",), 1),
        (Outcome.COMPLETED, (), (), 1),
    ],
)
def test_the_exit_code_says_whether_every_run_could_be_judged(outcome, left_out, verdicts, code):
    records = {0: SimpleNamespace(outcome=outcome)}
    result = SimpleNamespace(records=records, left_out=left_out, verdicts=verdicts)
    assert promote.exit_code(result) == code


@pytest.fixture
def untimed(make_search, tiny_corpus, tmp_path, monkeypatch):
    """A plan whose training step is not yet timed, and what is timed for it."""
    make_search(20.0, 21.0)
    plan = planned(tiny_corpus)
    plan = replace(plan, config=replace(plan.config, precision="auto", results=str(tmp_path)))
    timed: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        "tune.study.opening.choose_stack", lambda *asked: timed.append(asked) or PLAIN
    )
    return plan, timed


def test_the_training_step_of_a_promotion_is_timed_on_the_model_of_its_search(untimed):
    plan, timed = untimed
    stack = choose_study_stack(plan)
    assert (stack.precision, stack.channels_last) == (PLAIN.precision, PLAIN.channels_last)
    ((model, crop_px, _, device, _),) = timed
    assert (model.arch, crop_px, device) == ("baseline", plan.crop_px, "cpu")


def test_a_training_step_is_timed_once_per_machine_and_kind_of_model(untimed, monkeypatch):
    plan, timed = untimed
    first = choose_study_stack(plan)
    assert choose_study_stack(plan) == first
    assert len(timed) == 1
    choose_study_stack(replace(plan, config=replace(plan.config, batch_size=1)))
    assert len(timed) == 2
    monkeypatch.setattr("tune.study.opening.device_name", lambda _device: "another processor")
    choose_study_stack(plan)
    assert len(timed) == 3
