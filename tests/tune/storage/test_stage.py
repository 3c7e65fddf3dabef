"""A corpus in a node's scratch folder: whole or not there, copied once, known by fingerprint."""

import multiprocessing
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from data.dataset import Corpus
from tests.tiny_corpus import build_tiny_corpus
from tune.errors import UsageError
from tune.storage import stage
from tune.storage.stage import (
    CorpusFiles,
    check_scratch,
    corpus_mib,
    find_corpus,
    is_staged,
    list_corpus,
    read_part,
    stage_corpus,
    staged_folder,
)
from tune.trial.linear_start import linear_start
from tune.trial.passing_folder import OF_TRIAL, make_passing_folder

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_parts(monkeypatch) -> None:
    """Files of the tiny corpus travel in several parts."""
    monkeypatch.setattr(stage, "PART_BYTES", 20_000)


@pytest.fixture
def listed(tiny_corpus) -> CorpusFiles:
    return list_corpus(tiny_corpus)


@pytest.fixture
def scratch(tmp_path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def read(tiny_corpus) -> Callable[[str, int, int], bytes]:
    """The driver's side; counts what was asked for."""

    def read(name: str, offset: int, length: int) -> bytes:
        read.asked.append((name, offset))
        return read_part(tiny_corpus, name, offset, length)

    read.asked = []
    return read


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_copy_is_the_corpus_file_by_file(listed, scratch, read, tiny_corpus):
    place = stage_corpus(listed, scratch, read, "lab-2")
    assert place == staged_folder(scratch, listed.corpus_fingerprint)
    assert contents(place) == {
        file.name: (tiny_corpus / file.name).read_bytes() for file in listed.files
    }
    assert Corpus.open(place).info == Corpus.open(tiny_corpus).info
    assert is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)
    assert len(read.asked) > 2 * len(listed.files)


def test_the_start_of_linear_paths_travels_with_the_corpus(tiny_corpus, tmp_path, scratch):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    split = Corpus.open(corpus).info.split_fingerprint
    before = {file.name for file in list_corpus(corpus).files}
    linear_start(corpus, split)
    listed = list_corpus(corpus)
    assert {file.name for file in listed.files} - before <= {f"klt_{split}.npz"}
    place = stage_corpus(listed, scratch, partial(read_part, corpus), "lab-2")
    assert (place / f"klt_{split}.npz").read_bytes() == (corpus / f"klt_{split}.npz").read_bytes()


def test_what_is_there_is_not_copied_again(listed, scratch, read):
    stage_corpus(listed, scratch, read, "lab-2")
    read.asked.clear()
    stage_corpus(listed, scratch, read, "lab-2")
    assert read.asked == []


def test_a_copy_that_was_broken_off_is_not_taken_for_whole_and_goes_on(listed, scratch, read):
    def dies(name: str, offset: int, length: int) -> bytes:
        if len(read.asked) == 5:
            raise KeyboardInterrupt
        return read(name, offset, length)

    with pytest.raises(KeyboardInterrupt):
        stage_corpus(listed, scratch, dies, "lab-2")
    assert not is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)
    first = set(read.asked)
    read.asked.clear()
    stage_corpus(listed, scratch, read, "lab-2")
    assert is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)
    assert not first & set(read.asked)


def test_parts_begin_at_multiples_of_their_size_whatever_arrived_before(listed, scratch, read):
    draft = staged_folder(scratch, listed.corpus_fingerprint).with_suffix(".draft")
    for file in listed.files:
        (draft / file.name).parent.mkdir(parents=True, exist_ok=True)
        (draft / file.name).write_bytes(read(file.name, 0, min(file.num_bytes - 1, 30_001)))
    read.asked.clear()
    stage_corpus(listed, scratch, read, "lab-2")
    assert {offset % stage.PART_BYTES for _, offset in read.asked} == {0}
    largest = max(listed.files, key=lambda file: file.num_bytes).name
    assert (largest, 0) not in read.asked


@pytest.mark.parametrize(
    "damage", [lambda part: b"", lambda part: b"x" * len(part), lambda part: part * 9]
)
def test_a_damaged_part_of_an_earlier_copy_is_replaced(listed, scratch, read, damage):
    draft = staged_folder(scratch, listed.corpus_fingerprint).with_suffix(".draft")
    file = max(listed.files, key=lambda file: file.num_bytes)
    target = draft / file.name
    target.parent.mkdir(parents=True)
    target.write_bytes(damage(read(file.name, 0, 30_000)))
    stage_corpus(listed, scratch, read, "lab-2")
    assert is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)


def test_a_copy_that_was_damaged_later_is_made_again(listed, scratch, read):
    place = stage_corpus(listed, scratch, read, "lab-2")
    (place / "index.parquet").write_bytes(b"")
    assert not is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)
    stage_corpus(listed, scratch, read, "lab-2")
    assert is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)


def test_what_arrives_otherwise_twice_is_refused(listed, scratch, read):
    def flips(name: str, offset: int, length: int) -> bytes:
        part = read(name, offset, length)
        return bytes([part[0] ^ 1]) + part[1:]

    with pytest.raises(UsageError, match=r"arrive as it was listed, found .* on node lab-2 twice"):
        stage_corpus(listed, scratch, flips, "lab-2")
    assert not is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)


def test_what_arrives_otherwise_once_is_asked_for_again(listed, scratch, read):
    def flips_once(name: str, offset: int, length: int) -> bytes:
        part = read(name, offset, length)
        return bytes([part[0] ^ 1]) + part[1:] if len(read.asked) == 3 else part

    stage_corpus(listed, scratch, flips_once, "lab-2")
    assert is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)


def gone(name: str, offset: int, length: int) -> bytes:
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.parametrize("driver", [gone, lambda name, offset, length: b""])
def test_a_corpus_that_changes_while_it_is_copied_is_refused(listed, scratch, driver):
    with pytest.raises(UsageError, match="must stay as it is while it is copied"):
        stage_corpus(listed, scratch, driver, "lab-2")


def test_another_corpus_than_was_listed_is_refused(listed, scratch, tmp_path):
    other = list_corpus(build_tiny_corpus(tmp_path / "other", seed=1))
    mixed = replace(listed, files=other.files)
    with pytest.raises(UsageError, match="the copy on node lab-2 keeps its corpus"):
        stage_corpus(mixed, scratch, partial(read_part, tmp_path / "other"), "lab-2")


def test_too_little_room_is_one_sentence_and_nothing_is_asked(listed, scratch, read, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=3 * 2**19)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    big = replace(listed, files=(replace(listed.files[0], num_bytes=7 * 2**20),))
    with pytest.raises(UsageError) as refusal:
        stage_corpus(big, scratch, read, "lab-2")
    assert str(refusal.value) == (
        "a node's scratch folder must have room for the corpus, 7 MiB, found 2 MiB free in "
        f"{str(scratch)!r} on node lab-2: free some, or choose another"
    )
    assert read.asked == []


def test_what_an_earlier_copy_left_needs_no_room_again(listed, scratch, read, monkeypatch):
    draft = staged_folder(scratch, listed.corpus_fingerprint).with_suffix(".draft")
    for file in listed.files:
        (draft / file.name).parent.mkdir(parents=True, exist_ok=True)
        (draft / file.name).write_bytes(read(file.name, 0, file.num_bytes))
    read.asked.clear()
    usage = shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    stage_corpus(listed, scratch, read, "lab-2")
    assert read.asked == []


def test_a_scratch_that_cannot_be_written_is_one_sentence(listed, tmp_path, read):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"must be writable, found .*file' on node lab-2 \(Not a"):
        stage_corpus(listed, tmp_path / "file", read, "lab-2")


def test_a_real_disk_that_fills_is_one_sentence_and_the_copy_goes_on_with_more(
    listed, tmp_path, read, monkeypatch
):
    if os.getuid() != 0:
        pytest.skip("only root can mount a file system")
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        with monkeypatch.context() as optimist:
            optimist.setattr(stage, "_check_room", lambda *_: None)
            with pytest.raises(UsageError, match=r"on node lab-2 \(no space left\)"):
                stage_corpus(listed, small, read, "lab-2")
        with pytest.raises(UsageError, match="must have room"):
            stage_corpus(listed, small, read, "lab-2")
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        stage_corpus(listed, small, read, "lab-2")
        assert is_staged(small, listed.corpus_fingerprint, listed.split_fingerprint)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def copy_and_count(listed: CorpusFiles, corpus: Path, scratch: Path, start, counts) -> None:
    """A process of a node; says how much it asked for."""
    asked = 0

    def read(name: str, offset: int, length: int) -> bytes:
        nonlocal asked
        asked += length
        return read_part(corpus, name, offset, length)

    start.wait()
    stage_corpus(listed, scratch, read, "lab-2")
    counts.put(asked)


def test_of_two_processes_of_a_node_one_copies_and_both_have_it(listed, tiny_corpus, scratch):
    context = multiprocessing.get_context("spawn")
    start, counts = context.Barrier(2), context.Queue()
    arguments = (listed, tiny_corpus, scratch, start, counts)
    processes = [context.Process(target=copy_and_count, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    asked = sorted(counts.get() for _ in processes)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert asked == [0, listed.num_bytes]
    assert is_staged(scratch, listed.corpus_fingerprint, listed.split_fingerprint)


def test_a_node_that_sees_the_driver_s_corpus_needs_no_copy(listed, scratch, tiny_corpus):
    prints = (listed.corpus_fingerprint, listed.split_fingerprint)
    assert find_corpus(tiny_corpus, scratch, *prints) == tiny_corpus
    assert find_corpus(scratch / "nothing", scratch, *prints) is None


def test_a_node_finds_its_copy_and_takes_no_other_corpus_for_it(listed, scratch, read, tmp_path):
    other = build_tiny_corpus(tmp_path / "other", seed=1)
    prints = (listed.corpus_fingerprint, listed.split_fingerprint)
    assert find_corpus(other, scratch, *prints) is None
    place = stage_corpus(listed, scratch, read, "lab-2")
    assert find_corpus(other, scratch, *prints) == place


def test_the_size_of_a_corpus_is_what_is_copied(listed, tiny_corpus):
    assert corpus_mib(Corpus.open(tiny_corpus)) == listed.num_bytes / 2**20


def test_a_scratch_folder_is_made_and_left_empty(scratch):
    check_scratch(scratch / "deep", "lab-2")
    assert list((scratch / "deep").iterdir()) == []


def test_what_a_killed_worker_left_in_a_scratch_folder_is_removed(scratch):
    scratch.mkdir()
    own, left = make_passing_folder(scratch, OF_TRIAL), make_passing_folder(scratch, OF_TRIAL)
    dead = left.rename(left.with_name(left.name.replace(f"_{os.getpid()}_", "_4999999_")))
    (dead / "study_t000.pt").touch()
    check_scratch(scratch, "lab-2")
    assert list(scratch.iterdir()) == [own]


def test_a_scratch_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UsageError, match=r"scratch folder must be writable, found .* on node lab-2"
    ):
        check_scratch(tmp_path / "file", "lab-2")
