"""What is offered to watch: flags and event files."""

import argparse

import pytest

from tune.config.watching import USUAL, Live, add_live_flags, read_live
from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.storage.event_files import TensorBoardLog
from tune.study.run import listener


def live_of(*flags: str) -> Live:
    parser = argparse.ArgumentParser()
    add_live_flags(parser)
    return read_live(parser.parse_args(flags))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), USUAL),
        (("--dashboard",), Live(has_own_workers=True)),
        (("--no-dashboard",), Live(dashboard=False)),
        (("--tensorboard",), Live(tensorboard=True)),
        (("--dashboard-host", "0.0.0.0"), Live(host="0.0.0.0")),
    ],
)
def test_flags_say_what_is_offered(flags, expected):
    assert live_of(*flags) == expected


@pytest.mark.parametrize("host", ["nowhere", "", "203.0.113.7", "127.0.0.1:80"])
def test_an_address_that_is_not_of_this_machine_is_refused(host):
    with pytest.raises(UsageError, match="IP address of this machine"):
        live_of("--dashboard-host", host)


def test_every_epoch_becomes_scalars_in_a_folder_of_its_trial(tmp_path, make_record):
    log = TensorBoardLog(tmp_path / "tensorboard")
    for num_epochs in (1, 2):
        log.write(make_record(0, [20.0, 21.0][:num_epochs], outcome=None))
    log.write(make_record(0, [20.0, 21.0]))
    (folder,) = (tmp_path / "tensorboard").iterdir()
    assert folder.name == "t000_b8_lr1.00e-04"
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert content.count(b"psnr_db/val_psnr_db") == 2
    assert content.count(b"learning_rate/learning_rate") == 2


def test_a_trial_that_ends_without_an_epoch_leaves_no_folder(tmp_path, make_record):
    TensorBoardLog(tmp_path / "tensorboard").write(make_record(0, outcome=Outcome.FAILED))
    assert not (tmp_path / "tensorboard").exists()


def test_nobody_listens_unless_asked(study_folder, make_record):
    listener(study_folder, USUAL)(make_record(0, [20.0], outcome=None))
    assert not (study_folder.path / "tensorboard").exists()
