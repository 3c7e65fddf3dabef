import argparse
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.registry import ARCHITECTURES, max_rate_bpp
from models.shapes import RATIOS
from models.training.config import TrainConfig
from tune.config.machine import Machine
from tune.config.profiles import choose_profile
from tune.config.resolve import add_search_flags, resolve, search_flags
from tune.config.search import NOT_HASHED, SearchConfig, config_hash, read_config, write_config
from tune.config.settings import read_toml_file, settings_of
from tune.errors import UsageError
from tune.space.dimension import format_values
from tune.space.dimensions import LATENT_CHOICES
from tune.statistics.candidates import CONTROL_VALUES, CONTROL_WARMUP_EPOCHS

BEGUN = Path(__file__).parents[2] / "recorded" / "begun" / "ray_results"

CPU = Machine("cpu", 2)
CUDA = Machine("cuda", 8)


def config_of(machine: Machine = CPU, **flags: object) -> SearchConfig:
    (resolved,) = resolve(flags, {}, machine)
    return resolved.config


def write_and_read(config: SearchConfig, folder: Path) -> SearchConfig:
    (folder / "study.toml").write_text(write_config(config), encoding="utf-8")
    return read_config(folder / "study.toml")


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
searches = st.fixed_dictionaries(
    {},
    optional={
        "arch": st.sampled_from(list(ARCHITECTURES)),
        "ratio": st.sampled_from(RATIOS),
        "data": texts,
        "results": texts,
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        "trials": st.integers(1, 10_000),
        "hours": st.floats(1e-3, 1e3),
        "epochs": st.integers(1, 1000),
        "data_fraction": st.floats(1e-6, 1),
        "crop_px": st.sampled_from([16, 64, None]),
        "val_images": st.sampled_from([1, 64, None]),
        "rate": st.sampled_from(["bytes", "elements"]),
        "tune": st.sampled_from([("schedule",), ("schedule", "dropout"), ("dropout", "schedule")]),
        "learning_rate": st.floats(1e-9, 1),
        "seed": st.integers(0, 2**32 - 1),
    },
)


@given(searches, st.sampled_from([CPU, CUDA]))
def test_a_written_configuration_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, search: dict[str, object], machine: Machine
) -> None:
    config = config_of(machine, **search)
    assert write_and_read(config, tmp_path_factory.mktemp("study")) == config


@given(searches, st.sampled_from([CPU, CUDA]))
def test_a_study_file_on_the_same_device_repeats_the_study(
    tmp_path_factory: pytest.TempPathFactory, search: dict[str, object], machine: Machine
) -> None:
    config = config_of(machine, **search)
    path = tmp_path_factory.mktemp("study") / "study.toml"
    path.write_text(write_config(config), encoding="utf-8")
    (again,) = resolve({}, read_toml_file(path), Machine(machine.device, 64))
    assert again.config == config


def test_flags_go_before_the_file_the_file_before_the_profile_and_that_before_defaults() -> None:
    (resolved,) = resolve({"trials": "5"}, {"trials": 7, "epochs": 9, "seed": 3}, CPU)
    config = resolved.config
    assert (config.trials, config.epochs, config.seed) == (5, 9, 3)
    assert config.crop_px == choose_profile(CPU, "attention")["crop_px"].value
    assert config.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("flags", "learning_rate"),
    [
        ({"ratio": "4"}, 2.5e-4),
        ({"ratio": "8"}, 1e-3),
        ({"ratio": "4", "rate": "elements"}, 1e-3),
        ({"ratio": "4", "arch": "linear"}, 1e-3),
        ({"ratio": "4", "learning_rate": "0.002"}, 2e-3),
    ],
)
def test_networks_at_4x_in_bytes_begin_with_a_lower_learning_rate(flags, learning_rate) -> None:
    (resolved,) = resolve(flags, {}, CPU)
    assert resolved.config.learning_rate == learning_rate


def test_only_what_nobody_asked_for_counts_as_picked() -> None:
    (resolved,) = resolve({"trials": "5"}, {"epochs": 9}, CPU)
    assert not {"trials", "epochs", "seed"} & resolved.picked.keys()
    assert {"crop_px", "base_channels", "range"} <= resolved.picked.keys()
    assert all(pick.reason for pick in resolved.picked.values())


def test_every_picked_value_is_in_the_configuration() -> None:
    (resolved,) = resolve({"range": ["base_channels=4,6"]}, {}, CPU)
    for name, pick in resolved.picked.items():
        assert getattr(resolved.config, name) == pick.value


def test_all_architectures_and_ratios_are_one_configuration_each() -> None:
    configs = [one.config for one in resolve({"arch": "all", "ratio": "all"}, {}, CUDA)]
    assert [(config.arch, config.ratio) for config in configs] == [
        (arch, ratio) for ratio in (16, 8, 32, 4, 64) for arch in ARCHITECTURES
    ]  # the most useful ratios first: an interrupted night leaves them done
    assert configs[0].base_channels == ARCHITECTURES[configs[0].arch].usual_base_channels


def test_a_name_for_several_studies_is_refused() -> None:
    with pytest.raises(UsageError, match="a name belongs to one study, found 'mine' for 5"):
        resolve({"ratio": "all", "name": "mine"}, {}, CPU)


def test_ranges_are_complete_so_that_later_defaults_cannot_change_a_study() -> None:
    config = config_of(range=["learning_rate=1e-4:1e-3"])
    assert config.range == (
        "learning_rate=0.0001:0.001",
        "warmup_epochs=0:5",
        "base_channels=8,12,16",
        f"latent_channels={format_values(LATENT_CHOICES[16])}",
    )


def test_ranges_of_a_file_go_away_with_the_dimensions_that_flags_leave_out() -> None:
    file = {"range": ["dropout=0:0.1", "learning_rate=1e-4:1e-3"], "tune": ["dropout"]}
    (resolved,) = resolve({"tune": "learning_rate"}, file, CPU)
    assert resolved.config.range == ("learning_rate=0.0001:0.001",)


def test_the_default_warmup_fits_into_few_epochs() -> None:
    config = config_of(epochs=2)
    assert config.warmup_epochs <= 2
    assert "warmup_epochs=0:2" in config.range


@pytest.mark.parametrize(
    ("scheduler", "epochs", "expected"),
    [("leader", 20, 2), ("leader", 9, 1), ("leader", 1, 1), ("asha", 20, 6), ("asha", 1, 1)],
)
def test_the_grace_period_is_a_share_of_the_epochs(scheduler, epochs, expected) -> None:
    assert config_of(scheduler=scheduler, epochs=epochs).grace_epochs == expected


def test_the_hand_set_point_has_a_value_for_every_searched_dimension() -> None:
    names = "learning_rate,warmup_epochs,base_channels,latent_channels,schedule"
    assert config_of(CUDA, tune=names).hand_set == {
        "learning_rate": 1e-3,
        "warmup_epochs": 1,
        "base_channels": 48,
        "latent_channels": LATENT_CHOICES[16][1],
        "schedule": "cosine",
    }


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("machine", [CPU, CUDA])
def test_the_default_space_contains_the_hand_set_point(arch: str, machine: Machine) -> None:
    config = config_of(machine, arch=arch)
    assert config.space.contains(config.hand_set)


def test_fixed_training_values_are_those_of_the_trainer_but_for_its_hand_set_ones() -> None:
    trainer = TrainConfig()
    config = config_of(CUDA)  # a CPU trains with smaller batches
    shared = settings_of(SearchConfig).keys() & {f.name for f in dataclasses.fields(TrainConfig)}
    shared -= {"epochs", "seed", "precision"}  # precision is probed by default
    others = {name for name in shared if getattr(config, name) != getattr(trainer, name)}
    control = {**CONTROL_VALUES, "warmup_epochs": CONTROL_WARMUP_EPOCHS}
    assert {name: getattr(trainer, name) for name in others} == control
    assert config.mse_weight + config.ssim_weight == trainer.mse_weight + trainer.ssim_weight


def test_bytes_search_latent_channels_by_default_and_elements_do_not() -> None:
    assert "latent_channels" in config_of().tune
    assert "latent_channels" not in config_of(rate="elements").tune


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_latent_channels_searched_at_a_ratio_reach_its_rate(ratio: int) -> None:
    config = config_of(ratio=ratio)
    (searched,) = [d for d in config.space.dimensions if d.name == "latent_channels"]
    assert config.target_bpp == 8 / ratio
    assert max_rate_bpp(int(min(searched.ends))) > config.target_bpp
    assert config.latent_channels in searched.choices


@pytest.mark.parametrize("ratio", RATIOS)
def test_elements_have_as_many_latent_channels_as_the_ratio_says(ratio: int) -> None:
    config = config_of(ratio=ratio, rate="elements")
    assert (config.latent_channels, config.target_bpp) == (256 // ratio, None)


def test_linear_searches_nothing_of_a_network_that_a_command_over_all_asks_for() -> None:
    flags = {
        "arch": "all",
        "tune": "learning_rate,base_channels,dropout",
        "range": ["base_channels=8,16", "dropout=0:0.1", "learning_rate=1e-4:1e-3"],
        "base_channels": 16,
    }
    configs = {one.config.arch: one.config for one in resolve(flags, {}, CPU)}
    assert configs["linear"].tune == ("learning_rate",)
    assert configs["linear"].range == ("learning_rate=0.0001:0.001",)
    assert configs["linear"].base_channels == 1
    assert configs["resnet"].tune == ("learning_rate", "base_channels", "dropout")
    assert configs["resnet"].base_channels == 16


BEFORE_RATES = {"rate", "linear_path", "latent_channels"}
"""Settings that a study.toml from before there were rates lacks."""


def write_old_study(config: SearchConfig, folder: Path) -> Path:
    """Write a configuration as the releases before rates did; return its file."""
    lines = write_config(config).splitlines()
    kept = [line for line in lines if line.partition(" ")[0] not in BEFORE_RATES]
    assert len(kept) == len(lines) - len(BEFORE_RATES)
    path = folder / "study.toml"
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_study_from_before_there_were_rates_is_of_elements_without_path(
    ratio: int, tmp_path: Path
) -> None:
    now = config_of(ratio=ratio, rate="elements", linear_path="off")
    path = write_old_study(now, tmp_path)
    assert read_config(path) == now
    assert config_hash(read_config(path)) == config_hash(now)
    (again,) = resolve({}, read_toml_file(path), CPU)
    assert again.config == now


@pytest.mark.parametrize(("name", "channels"), [("unfinished_search", 16), ("finished_search", 4)])
def test_a_recorded_study_of_an_earlier_release_is_read(name: str, channels: int) -> None:
    config = read_config(BEGUN / name / "study.toml")
    assert (config.rate, config.linear_path) == ("elements", "off")
    assert (config.latent_channels, config.schedule) == (channels, "plateau")
    assert "latent_channels" not in config.tune


def test_a_file_by_hand_that_names_no_rate_means_bytes() -> None:
    file = {"arch": "resnet", "ratio": 8, "trials": 3, "tune": ["learning_rate"]}
    (resolved,) = resolve({}, file, CPU)
    config = resolved.config
    assert (config.rate, config.linear_path, config.target_bpp) == ("bytes", "on", 1.0)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            {"arch": "unet"},
            "arch must be one of baseline, resnet, residual, attention, linear or all",
        ),
        ({"arch": "atention"}, "found 'atention': did you mean attention?"),
        ({"ratio": "12"}, "found 12 which leaves 21.33: choose one of 4, 8, 16, 32, 64"),
        ({"ratio": "128"}, "ratio must be one of 4, 8, 16, 32, 64 or all, found 128"),
        ({"ratio": "0"}, "found 0"),
        ({"ratio": "-16"}, "found -16"),
        ({"ratio": "high"}, "ratio must be a whole number, found 'high'"),
        ({"tune": "learning_rate,warmup"}, "found 'warmup': did you mean warmup_epochs?"),
        ({"range": ["learning_rate=-1:1"]}, "must be above 0, found -1"),
        ({"range": ["learning_rate=1:0.1"]}, "must be below the upper one, found 1 and 0.1"),
        ({"range": ["base_channels=0,8"]}, "base_channels must be 1 or more, found 0"),
        (
            {"tune": "dropout", "range": ["dropout=0:1"]},
            "dropout must be 0.9 or less, found 1",
        ),
        ({"epochs": "5", "warmup_epochs": "6"}, "must not exceed epochs, found 6 and 5"),
        (
            {"epochs": "5", "range": ["warmup_epochs=0:6"]},
            "warmup_epochs must not exceed epochs, found 6 and 5",
        ),
        ({"epochs": "5", "grace_epochs": "6"}, "must not exceed epochs, found 6 and 5"),
        ({"trials": "0"}, "trials must be 1 or more, found 0"),
        ({"epochs": "0"}, "epochs must be 1 or more, found 0"),
        ({"trials": "2.5"}, "trials must be a whole number, found '2.5'"),
        ({"data_fraction": "0"}, "data_fraction must be above 0, found 0"),
        ({"data_fraction": "1.01"}, "data_fraction must be 1 or less, found 1.01"),
        ({"data_fraction": "nan"}, "data_fraction must be finite, found nan"),
        ({"hours": "0"}, "hours must be above 0, found 0"),
        ({"hours": "-1"}, "hours must be above 0, found -1"),
        ({"learning_rate": "0"}, "learning_rate must be above 0, found 0"),
        ({"searcher": "tpee"}, "one of tpe, random, gp, found 'tpee': did you mean tpe?"),
        (
            {"scheduler": "hyperband"},
            "scheduler must be one of leader, asha, none, found 'hyperband'",
        ),
        ({"schedule": "step"}, "schedule must be one of plateau,"),
        ({"crop_px": "8"}, "crop_px must be 16 or more, found 8"),
        (
            {"objective": "ms_ssim", "crop_px": "160"},
            "the objective ms_ssim needs images above 160 px, found crops of 160 px: use --crop-px "
            "176 or more, or --objective ssim",
        ),
        ({"objective": "vmaf"}, "objective must be one of psnr, ssim, ms_ssim, found 'vmaf'"),
        ({"crop_px": "72"}, "crop_px must be a multiple of 16, found 72: use 64 or 80"),
        ({"crop_px": "all"}, "crop_px must be a whole number or 'patch', found 'all'"),
        ({"name": "../elsewhere"}, "found '../elsewhere'"),
        ({"name": ""}, "found ''"),
        ({"seed": "-1"}, "seed must be 0 or more, found -1"),
        ({"seed": "4294967296"}, "seed must be 4294967295 or less, found 4294967296"),
        ({"seed": "9" * 30}, f"seed must be 4294967295 or less, found {'9' * 30}"),
        ({"trials": "-12345678"}, "trials must be 1 or more, found -12345678"),
        ({"data_fraction": "1.0000001"}, "data_fraction must be 1 or less, found 1.0000001"),
        ({"range": ["warmup_epochs=9999999:1234567"]}, "found 9999999 and 1234567"),
        ({"reduction_factor": "1"}, "reduction_factor must be 2 or more, found 1"),
    ],
)
def test_a_mistake_in_a_flag_is_told_in_one_sentence(flags: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        resolve(flags, {}, CPU)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"trails": 3}, "found 'trails': did you mean trials?"),
        ({"optimiser": "adam"}, "found 'optimiser'"),
        ({"trials": True}, "trials must be a whole number, found True"),
        ({"trials": 2.0}, "trials must be a whole number, found 2.0"),
        ({"arch": 3}, "arch must be text, found 3"),
        ({"tune": 3}, "tune must be a list of texts, found 3"),
        ({"tune": [1]}, "tune must be a list of texts, found [1]"),
        ({"hours": "soon"}, "hours must be a number, found 'soon'"),
    ],
)
def test_a_mistake_in_a_file_is_told_in_one_sentence(file: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        resolve({}, file, CPU)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_edges_of_every_limit_are_allowed() -> None:
    config_of(trials=1, data_fraction=1.0, epochs=3, warmup_epochs=3, grace_epochs=3, crop_px=16)


def test_a_study_file_without_some_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("trials = 3\n")
    with pytest.raises(UsageError, match=r"a study\.toml has every setting"):
        read_config(tmp_path / "study.toml")


def test_the_hash_ignores_where_and_how_fast() -> None:
    config = config_of()
    other = dataclasses.replace(config, results="r", name="n", hours=1.0, max_concurrent=7)
    assert config_hash(other) == config_hash(config)


@pytest.mark.parametrize("name", sorted(settings_of(SearchConfig).keys() - set(NOT_HASHED)))
def test_the_hash_changes_with_every_other_setting(name: str) -> None:
    other_names = {
        "arch": "resnet",
        "data": "corpus/other",
        "device": "cuda",
        "linear_path": "off",
        "objective": "ssim",
        "precision": "bf16",
        "range": ("dropout=0.1:0.2",),
        "rate": "elements",
        "schedule": "plateau",
        "scheduler": "none",
        "searcher": "random",
        "tune": ("mse_weight",),
    }
    config = config_of(
        tune="dropout", range=["dropout=0:0.5"], dropout=0.1, epochs=8, seed=1, latent_channels=16
    )  # as many latent channels as both kinds of rate allow
    if name == "tune":  # its ranges must go with it
        config = dataclasses.replace(config, range=())
    value = other_names[name] if name in other_names else getattr(config, name) / 2
    if isinstance(getattr(config, name), int):
        value = getattr(config, name) * 2
    assert config_hash(dataclasses.replace(config, **{name: value})) != config_hash(config)


def test_every_setting_is_a_flag_with_its_default_in_the_help() -> None:
    parser = argparse.ArgumentParser()
    add_search_flags(parser)
    text = parser.format_help()
    for setting in settings_of(SearchConfig).values():
        assert setting.flag in text
    assert text.count("(default:") == len(settings_of(SearchConfig))


def test_only_given_flags_are_handed_on() -> None:
    parser = argparse.ArgumentParser()
    add_search_flags(parser)
    parser.add_argument("--quiet", action="store_true")
    parsed = parser.parse_args(["--ratio", "4", "--range", "dropout=0:1", "--range", "a=b"])
    assert search_flags(parsed) == {"ratio": "4", "range": ["dropout=0:1", "a=b"]}


def test_the_configuration_loads_no_heavy_library() -> None:
    code = (
        "import sys, argparse, tune.config.resolve, tune.config.command; "
        "tune.config.resolve.add_search_flags(argparse.ArgumentParser()); "
        "heavy = {'torch', 'ray', 'optuna', 'pandas', 'pyarrow', 'numpy', 'rich', 'rasterio'}; "
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_several_are_searched_in_the_order_of_use_and_each_once():
    flags = {"arch": "attention,baseline", "ratio": "64, 4,16,4"}
    cells = [(one.config.arch, one.config.ratio) for one in resolve(flags, {}, Machine("cpu", 2))]
    assert cells == [(arch, ratio) for ratio in (16, 4, 64) for arch in ("baseline", "attention")]


def test_an_unknown_one_of_several_is_refused():
    with pytest.raises(UsageError, match="atention"):
        resolve({"arch": "baseline,atention"}, {}, Machine("cpu", 2))
