import subprocess
from pathlib import Path

import pytest

from tune.card.device import (
    Card,
    Holder,
    foreign_sentence,
    limit_memory,
    measure_card,
    measure_cards,
    read_card,
)
from tune.config.cgroups import MemoryLimit
from tune.errors import UsageError


def test_a_card_and_who_is_on_it_are_read_as_the_driver_prints_them():
    card = read_card(
        "NVIDIA GeForce RTX 3070, 8192, 3900, 4100\n",
        "812, /usr/bin/python3, 4100\n4711, ray::Train,x, [N/A]\n",
    )
    assert card == Card(
        "cuda",
        "NVIDIA GeForce RTX 3070",
        8192,
        3900,
        4100,
        (Holder(812, "/usr/bin/python3", 4100), Holder(4711, "ray::Train,x", 0)),
    )


def test_a_card_without_processes_is_alone():
    card = read_card("NVIDIA H100 80GB HBM3, 81559, 81000, 0\n", "")
    assert card.holders == ()
    assert foreign_sentence(card) is None


def test_who_holds_the_card_is_named_with_process_and_mib():
    card = Card("cuda", "RTX", 8192, 3900, 4100, (Holder(812, "python", 4100), Holder(9, "x", 0)))
    assert foreign_sentence(card) == (
        "RTX is not alone: process 812 (python) holds 4100 MiB, process 9 (x) holds memory that "
        "the driver hides; trials share the 3900 of 8192 MiB that are free, and slow down if "
        "those processes compute"
    )


def test_headroom_is_a_share_of_what_is_free():
    assert Card("cuda", "RTX", 8192, 6000).usable_mib(0.1) == pytest.approx(5400)


@pytest.mark.parametrize(("free_mib", "headroom"), [(1100, 0.1), (8000, 0.9)])
def test_too_little_memory_is_refused_and_who_holds_it_is_named(free_mib, headroom):
    card = Card("cuda", "RTX", 8192, free_mib, 7000, (Holder(812, "python", 7000),))
    with pytest.raises(UsageError, match=r"trials need 1024 MiB of RTX.* process 812"):
        card.usable_mib(headroom)


@pytest.mark.parametrize(
    ("limits", "total_and_free"),
    [
        ([], (24_000, 20_000)),
        ([MemoryLimit(1_000, 300)], (1_000, 700)),
        ([MemoryLimit(1_000, 300), MemoryLimit(4_000, 3_900)], (1_000, 100)),
        ([MemoryLimit(30_000, 1_000)], (24_000, 20_000)),
        ([MemoryLimit(1_000, 1_300)], (1_000, 0)),
    ],
)
def test_every_limit_counts_and_the_tightest_decides(limits, total_and_free):
    card = limit_memory(24_000, 20_000, limits)
    assert (card.total_mib, card.free_mib) == total_and_free


def test_this_machine_s_memory_is_the_card_of_a_cpu():
    card = measure_card("cpu")
    assert card.device == "cpu"
    assert 0 < card.free_mib <= card.total_mib


def test_a_driver_that_does_not_answer_is_one_sentence(monkeypatch):
    def fail(*_, **__) -> None:
        raise subprocess.CalledProcessError(9, "nvidia-smi")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(UsageError, match="repair the driver, or search with --device cpu"):
        measure_card("cuda")


def test_the_card_that_torch_sees_first_is_asked_for_by_the_driver_s_own_program(
    monkeypatch, tmp_path: Path
):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        '#!/bin/sh\ncase "$1" in\n*compute_cap*) echo 8.6;;\n'
        '*gpu*) echo "Pretend $2, 8192, 8000, 90";;\n*) ;;\nesac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    assert measure_card("cuda") == Card(
        "cuda", "Pretend --id=1", 8192, 8000, 90, index="1", compute_capability="8.6"
    )


def test_every_card_that_a_process_sees_is_measured(monkeypatch, tmp_path: Path):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        '#!/bin/sh\ncase "$1" in\n*compute_cap*) exit 2;;\n*gpu=index*) echo 0; echo 1;;\n'
        '*gpu*) echo "Pretend $2, 8192, 8000, 90";;\n*) ;;\nesac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    cards = measure_cards({})
    assert [card.name for card in cards] == ["Pretend --id=0", "Pretend --id=1"]
    assert {card.compute_capability for card in cards} == {""}  # an old driver does not tell
    assert [card.index for card in measure_cards({"CUDA_VISIBLE_DEVICES": "1"})] == ["1"]
    assert measure_cards({"CUDA_VISIBLE_DEVICES": ""}) == ()


def test_without_a_driver_there_is_no_card(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert measure_cards({}) == ()
