import pytest

from models.registry import ARCHITECTURES
from tune.config.machine import Machine, detect_machine
from tune.config.profiles import MAX_CPU_WORKERS, choose_profile
from tune.errors import UsageError


def test_a_cpu_gets_one_worker_per_core_up_to_a_limit() -> None:
    workers = [
        choose_profile(Machine("cpu", cores), "baseline")["max_concurrent"].value
        for cores in (1, 2, MAX_CPU_WORKERS, MAX_CPU_WORKERS + 1)
    ]
    assert workers == [1, 2, MAX_CPU_WORKERS, MAX_CPU_WORKERS]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_card_gets_the_usual_width_of_the_architecture(arch: str) -> None:
    pick = choose_profile(Machine("cuda", 8), arch)["base_channels"]
    assert pick.value == ARCHITECTURES[arch].usual_base_channels


def test_both_profiles_pick_the_same_settings() -> None:
    cpu, cuda = (choose_profile(Machine(device, 2), "resnet") for device in ("cpu", "cuda"))
    assert cpu.keys() == cuda.keys()


def test_a_cpu_is_taken_when_asked_for_without_looking_for_a_card() -> None:
    machine = detect_machine("cpu")
    assert machine.device == "cpu"
    assert machine.num_cores >= 1


@pytest.mark.parametrize(("has_card", "device"), [(True, "cuda"), (False, "cpu")])
def test_a_card_is_taken_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch, has_card: bool, device: str
) -> None:
    monkeypatch.setattr("tune.config.machine._has_cuda", lambda: has_card)
    assert detect_machine().device == device


def test_asking_for_a_card_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tune.config.machine._has_cuda", lambda: False)
    with pytest.raises(UsageError, match=r"--device cuda needs a CUDA card .* use --device cpu"):
        detect_machine("cuda")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="--device takes auto, cpu or cuda, found 'tpu'"):
        detect_machine("tpu")
