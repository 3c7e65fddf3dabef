"""What a node sees of the driver's folders: the same, another, or nothing it can use."""

import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.dataset import Corpus
from tests.tiny_corpus import build_tiny_corpus
from tune.errors import UsageError
from tune.storage.probe import (
    Probe,
    Seen,
    clock_difference_s,
    compare,
    corpus_refusal,
    look,
    open_probe,
    refusal,
)

LOOK = """
import pickle, sys
from tune.storage.probe import look
probe = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps(look(probe, "lab-2")))
"""


def look_elsewhere(probe: Probe, *before: str) -> Seen:
    """Look in another process, as a node does; `before` is a command that runs it."""
    done = subprocess.run(
        [*before, sys.executable, "-c", LOOK],
        input=pickle.dumps(probe),
        capture_output=True,
        check=True,
    )
    seen: Seen = pickle.loads(done.stdout)
    return seen


def inside(mount: str) -> tuple[str, ...]:
    """A command that runs another where a mount is seen that nobody else sees."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a file system")
    command = ("unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    return command


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "ray_results"
    folder.mkdir()
    return folder


def test_a_node_with_the_drivers_folder_is_not_refused(results):
    with open_probe(str(results)) as probe:
        seen = compare(probe, look_elsewhere(probe))
    assert refusal(probe, seen) is None
    assert seen.locks_cross is True
    assert seen.free_mib > 0


def test_a_probe_leaves_nothing_behind(results):
    with open_probe(str(results)) as probe:
        look(probe)
        assert [path.name for path in results.iterdir()] == [probe.path.parent.name]
    assert list(results.iterdir()) == []


def test_a_results_folder_that_the_probe_made_goes_with_it_while_it_is_empty(tmp_path):
    with open_probe(str(tmp_path / "new" / "results")) as probe:
        assert compare(probe, look(probe)).fault is None
    assert list(tmp_path.iterdir()) == []
    with open_probe(str(tmp_path / "new")):
        (tmp_path / "new" / "study").mkdir()
    assert (tmp_path / "new" / "study").is_dir()


def test_a_relative_folder_is_looked_for_by_its_whole_name(results, monkeypatch):
    monkeypatch.chdir(results.parent)
    with open_probe(results.name) as probe:
        assert probe.results == str(results)


def test_the_probe_of_a_driver_that_was_killed_is_removed_by_the_next(results):
    code = (
        "import os, sys\n"
        "from tune.storage.probe import open_probe\n"
        "with open_probe(sys.argv[1]): os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(results)], check=True)
    assert len(list(results.iterdir())) == 1
    with open_probe(str(results)):
        assert len(list(results.iterdir())) == 1
    assert list(results.iterdir()) == []


def test_another_folder_of_the_same_name_is_told_and_left_as_it_is(results):
    with open_probe(str(results)) as probe:
        seen = compare(probe, look_elsewhere(probe, *inside(f"mount -t tmpfs none {results}")))
    assert refusal(probe, seen) == (
        "every node must have the driver's results folder, found that "
        f"{str(results)!r} on node lab-2 is another folder: mount the driver's there, choose one "
        "that all nodes share with --results, or let files travel with --stage"
    )


def test_a_folder_that_can_only_be_read_is_told(results):
    bind = f"mount --bind {results} {results} && mount -o remount,ro,bind {results}"
    with open_probe(str(results)) as probe:
        seen = look_elsewhere(probe, *inside(bind))
    assert seen.fault == "cannot be written (Read-only file system)"


def test_a_folder_over_which_writes_stay_on_the_node_is_told(results, tmp_path):
    """An overlay shows the driver's files and keeps what is written: only the driver can tell."""
    overlay = (
        f"mount -t tmpfs none {tmp_path / 'own'} && mkdir {tmp_path}/own/upper {tmp_path}/own/work"
        f" && mount -t overlay -o lowerdir={results},upperdir={tmp_path}/own/upper,"
        f"workdir={tmp_path}/own/work none {results}"
    )
    (tmp_path / "own").mkdir()
    with open_probe(str(results)) as probe:
        seen = look_elsewhere(probe, *inside(overlay))
        assert seen.fault is None
        assert compare(probe, seen).fault == "keeps what is written there to itself"


def test_other_content_than_the_node_wrote_is_told(results):
    with open_probe(str(results)) as probe:
        seen = look(probe)
        (probe.path / seen.file).write_text("another")
        assert compare(probe, seen).fault == "keeps what is written there to itself"


def test_somebody_who_may_not_write_there_is_told():
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    # Looks once as root: what the interpreter loads may lie where only its owner reads.
    code = LOOK.replace("dumps(look", "dumps(look(probe) and os.setuid(65534) or look")
    code = code.replace("import pickle,", "import os, pickle,")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        Path(folder).chmod(0o755)
        with open_probe(folder) as probe:
            done = subprocess.run(
                [sys.executable, "-c", code],
                input=pickle.dumps(probe),
                capture_output=True,
                check=True,
            )
    assert pickle.loads(done.stdout).fault == "cannot be written (Permission denied)"


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_text(""), "is a file"),
        (lambda path: path.mkdir(), "is another folder"),
    ],
)
def test_what_is_in_the_place_of_the_folder_is_told(results, tmp_path, make, fault):
    make(tmp_path / "other")
    with open_probe(str(results)) as probe:
        seen = look(replace(probe, results=str(tmp_path / "other")))
    assert seen.fault == fault
    assert seen.file is None


def test_other_content_than_the_driver_wrote_is_told(results):
    with open_probe(str(results)) as probe:
        probe.driver_file.write_text("older")
        assert "other content" in look(probe).fault


def test_a_driver_that_cannot_write_there_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match="must be writable, found"),
        open_probe(str(tmp_path / "file")),
    ):
        pass


def test_the_corpus_of_the_study_is_not_refused(tiny_corpus):
    info = Corpus.open(tiny_corpus).info
    stamp = (info.fingerprint, info.split_fingerprint)
    assert corpus_refusal(str(tiny_corpus), *stamp, "lab-2", "lab-1") is None


def test_a_missing_corpus_is_told_with_a_command_that_copies_it(tmp_path):
    place = tmp_path / "my corpus"
    assert corpus_refusal(str(place), "0" * 16, "1" * 16, "lab-2", "lab-1") == (
        "every node must have the study's corpus, found on node lab-2 that a corpus is a folder "
        f"with corpus.json, and {place} has none: there, "
        f"`rsync -a 'lab-1:{place}/' '{place}/'` copies it, or use --stage"
    )


def test_another_corpus_in_its_place_is_told_with_both_fingerprints(tiny_corpus, tmp_path):
    planned = Corpus.open(tiny_corpus).info
    other = build_tiny_corpus(tmp_path / "other", seed=1)
    found = Corpus.open(other).info.fingerprint
    sentence = corpus_refusal(
        str(other), planned.fingerprint, planned.split_fingerprint, "lab-2", "lab-1"
    )
    assert f"planned with fingerprint {planned.fingerprint}, found {found}" in sentence
    assert "on node lab-2" in sentence


@given(
    ahead_s=st.floats(-100, 100),
    asked_s=st.floats(0, 1e6),
    to_look_s=st.floats(0, 10),
    to_answer_s=st.floats(0, 10),
)
def test_a_clock_is_never_said_to_be_further_off_than_it_is(
    ahead_s, asked_s, to_look_s, to_answer_s
):
    answered_s = asked_s + to_look_s + to_answer_s
    found_s = clock_difference_s(asked_s, asked_s + to_look_s + ahead_s, answered_s)
    assert abs(found_s) <= abs(ahead_s) + 1e-6
    assert found_s * ahead_s >= 0
    assert abs(found_s - ahead_s) <= to_look_s + to_answer_s + 1e-6
