"""The configuration of one study: what is asked, resolved, checked and written down.

The defaults below are the weakest layer; `tune.config.resolve` joins it with a machine's profile, a
TOML file and flags. The same declarations give the flags, their help and the TOML keys.
Ranges of the search are texts of `tune.space.ranges`; what a profile picks is in
`tune.config.profiles`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from models.shapes import REDUCTION, nominal_channels, target_bpp
from models.training.objective import OBJECTIVES
from models.training.schedules import SCHEDULES
from tune.config.rules import (
    check_architecture,
    check_crop,
    check_epochs,
    check_latent_channels,
    check_name,
    check_objective,
    check_path,
    check_ranges,
    check_ratio,
)
from tune.config.settings import (
    ALL,
    check_limits,
    format_toml,
    hash_values,
    read_toml_file,
    read_values,
    setting,
    settings_of,
)
from tune.config.until import check_deadline
from tune.errors import UsageError
from tune.space.dimension import Value, format_range
from tune.space.dimensions import DEFAULT_TUNE, DIMENSIONS
from tune.space.ranges import SearchSpace, build_space

SEARCHERS = ("tpe", "random", "gp")
SCHEDULERS = ("leader", "asha", "none")
RATIOS_BY_USE = (16, 8, 32, 4, 64)
"""Most useful first, so that an interrupted night over the matrix leaves those done."""
NOT_HASHED = ("results", "name", "hours", "until", "max_concurrent", "gpus_per_trial", "headroom")
"""Settings that say where or how fast, not what: a study is the same one without them."""

HAND_SET_WARMUP_EPOCHS = 1


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Everything that decides what a study does; `study.toml` is this, written down.

    The training values (learning rate to batch size) are those of the hand-set trial, and of
    every trial for what is not searched.
    """

    arch: str = setting(
        "architecture of the autoencoder, several with commas between them, or all",
        default="attention",
        expands=True,
    )
    ratio: int = setting(
        "input elements per latent element (4, 8, 16, 32 or 64), several with commas between "
        "them, or all",
        default=16,
        expands=True,
    )
    rate: str = setting(
        "what the ratio counts: bytes of an 8-bit image and of its code, which is trained for 8 / "
        "ratio bits per pixel and scored at that rate; or elements of image and latent, which is "
        "scored unquantised",
        default="bytes",
        choices=("bytes", "elements"),
    )
    linear_path: str = setting(
        "whether a linear transform stands beside the network, which training starts at the block "
        "KLT; off gives the network alone",
        default="on",
        choices=("on", "off"),
    )
    data: str | None = setting(
        "folder of the prepared corpus",
        default=None,
        default_words="a synthetic corpus, made on first use",
    )
    results: str = setting("folder of all studies", default="ray_results")
    name: str | None = setting(
        "name of the study's folder",
        default=None,
        default_words="architecture, latent channels, ratio and time",
    )
    trials: int = setting("configurations to try", at_least=1)
    hours: float | None = setting(
        "running time of a study, all sessions together: trials and the share of the training "
        "patches that nobody set are chosen so that it fits",
        default=None,
        default_words="no limit",
        unit="h",
        above=0,
    )
    until: str | None = setting(
        "instead of hours, when the search is to be over: 08:00 is the next time that the clock "
        "says so; or an ISO date and time",
        default=None,
        default_words="no limit",
    )
    epochs: int = setting("epochs of a trial that is never stopped", at_least=1)
    data_fraction: float = setting(
        "share of the training patches; validation always uses the same images", above=0, at_most=1
    )
    crop_px: int | None = setting(
        "side of the square crops, a multiple of 16, or patch for whole patches",
        unit="px",
        at_least=16,
        none_word="patch",
    )
    val_images: int | None = setting(
        "validation images that every trial is scored on, or all", at_least=1, none_word=ALL
    )
    objective: str = setting(
        "validation score that is maximised: it says which epoch, trial and configuration is "
        "better. The loss is not changed by it, see --mse-weight. ms_ssim needs crops above 160 px",
        default="psnr",
        choices=tuple(OBJECTIVES),
    )
    tune: tuple[str, ...] = setting(
        f"what is searched, separated by commas: any of {', '.join(DIMENSIONS)}",
        default=DEFAULT_TUNE,
    )
    range: tuple[str, ...] = setting(
        "range of one searched value, NAME=LOW:HIGH or NAME=A,B,C; may be repeated, see "
        "docs/TUNING.md",
        default=(),
        default_words="; ".join(map(format_range, DIMENSIONS.values()))
        + "; on a CPU fewer channels",
        repeats=True,
    )
    searcher: str = setting(
        "how configurations are suggested: tree-structured Parzen estimator, at random, or "
        "Gaussian process",
        default="tpe",
        choices=SEARCHERS,
    )
    scheduler: str = setting(
        "who is stopped: leader stops a trial that lies more than the tolerance behind the best "
        "one at the same epoch, asha all but the best share of those at a rung; none runs all to "
        "the end",
        default="leader",
        choices=SCHEDULERS,
    )
    grace_epochs: int = setting(
        "epochs before a trial can be stopped. A good trial can be slow at first, with a high "
        "learning rate above all",
        default_words="a ninth of the epochs with leader, three tenths with asha",
        at_least=1,
    )
    tolerance: float = setting(
        "with the scheduler leader: how far behind the best trial at the same epoch a trial may "
        "be, in the unit of the objective",
        default=OBJECTIVES["psnr"].near,
        default_words="; ".join(
            f"{one.near:g} {one.unit or one.words}" for one in OBJECTIVES.values()
        ),
        at_least=0,
    )
    reduction_factor: int = setting(
        "with the scheduler asha: the best one in this many trials continues at each "
        "comparison, and comparisons lie this factor apart",
        default=3,
        at_least=2,
    )
    audit: float = setting(
        "share of the trials that continue although a comparison would stop them; they show how "
        "often stopping is wrong",
        default=0.05,
        at_least=0,
        at_most=1,
    )
    learning_rate: float = setting(
        "highest learning rate",
        default=1e-3,
        default_words="0.001; 0.00025 for networks at 4x in bytes",
        above=0,
    )
    warmup_epochs: int = setting(
        "linear rise to the learning rate, never more than the epochs",
        default=HAND_SET_WARMUP_EPOCHS,
        unit="epochs",
        at_least=0,
    )
    base_channels: int = setting(
        "width of the network",
        default_words="the architecture's usual width, on a CPU the widest one searched",
        at_least=1,
    )
    latent_channels: int = setting(
        "channels of the latent: for bytes the most that a code may use, for elements 256 / ratio",
        default_words="256 / ratio, for bytes what suits the ratio",
        at_least=1,
        at_most=REDUCTION**2,
    )
    weight_decay: float = setting("AdamW's decay of weights", default=1e-5, at_least=0)
    schedule: str = setting("learning rate after the warmup", default="cosine", choices=SCHEDULES)
    gradient_clip: float = setting(
        "largest norm of the gradient; 0 for no limit", default=1.0, at_least=0
    )
    mse_weight: float = setting(
        "weight of MSE in the loss; 1 - SSIM gets the remaining weight",
        default=1.0,
        at_least=0,
        at_most=1,
    )
    dropout: float = setting(
        "share of channels dropped while training", default=0.0, at_least=0, at_most=0.9
    )
    batch_size: int = setting("images per optimiser step", default=16, at_least=1)
    seed: int = setting(
        "start of every random draw: suggestions, data shares, weights",
        default=0,
        at_least=0,
        at_most=2**32 - 1,  # what the samplers' generators take
    )
    max_concurrent: int = setting(
        "trials that run at the same time, if their memory allows it", at_least=1
    )
    gpus_per_trial: float | None = setting(
        "share of the CUDA card that every trial reserves, or auto: what it is predicted to need",
        default=None,
        none_word="auto",
        above=0,
        at_most=1,
    )
    headroom: float = setting(
        "share of the free memory that is never reserved", default=0.1, at_least=0, at_most=0.9
    )
    precision: str = setting(
        "arithmetic of the training step; auto times what is safe on this machine for a few "
        "seconds, memory layouts included, and takes the fastest",
        default="auto",
        choices=("auto", "fp32", "bf16"),
    )
    device: str = setting(
        "where trials train",
        default_words="auto: the CUDA card if there is one",
        choices=("auto", "cpu", "cuda"),
    )

    def __post_init__(self) -> None:
        for name, known in settings_of(SearchConfig).items():
            check_limits(known, getattr(self, name))
        check_architecture(self.arch)
        check_ratio(self.ratio)
        check_name(self.name)
        check_deadline(self.hours, self.until)
        check_crop(self.crop_px)
        check_objective(self.objective, self.crop_px)
        check_ranges(self.space, settings_of(SearchConfig))
        check_latent_channels(self.rate, self.ratio, self.latent_channels, self.space)
        check_path(self.arch, self.linear_path)
        check_epochs(self.epochs, self.warmup_epochs, self.grace_epochs, self.space)

    @cached_property
    def space(self) -> SearchSpace:
        """What is searched, and in which ranges."""
        return build_space(self.tune, self.range)

    @property
    def has_path(self) -> bool:
        """Whether the models have a linear path."""
        return self.linear_path == "on"

    @property
    def target_bpp(self) -> float | None:
        """Bits per pixel that a code has; None where the ratio counts elements."""
        return target_bpp(self.ratio) if self.rate == "bytes" else None

    @property
    def ssim_weight(self) -> float:
        """Weight of 1 - SSIM in the loss of the hand-set trial."""
        return 1.0 - self.mse_weight

    @property
    def hand_set(self) -> dict[str, Value]:
        """The hand-set point: the value of every searched dimension before any search."""
        return {name: getattr(self, name) for name in self.tune}

    @property
    def values(self) -> dict[str, Value]:
        """The value of every dimension, searched or not, before any search."""
        return {name: getattr(self, name) for name in DIMENSIONS}


def write_config(config: SearchConfig) -> str:
    """Return the text of `study.toml`, which `--config` reads back as the same configuration."""
    return (
        "# The resolved configuration of a study. To repeat it, with any flag on top:\n"
        "#     python -m tune.search --config study.toml\n"
        + format_toml(asdict(config), settings_of(SearchConfig))
    )


def read_config(path: Path | str) -> SearchConfig:
    """Return the configuration that a `study.toml` holds.

    Raises:
        UsageError: If it cannot be read or is incomplete.
    """
    values = read_values(SearchConfig, with_rate(read_toml_file(path)), str(path))
    if values.get("rate") == "elements" and isinstance(ratio := values.get("ratio"), int):
        values.setdefault("latent_channels", nominal_channels(ratio))
    try:
        return SearchConfig(**values)
    except TypeError as error:
        raise UsageError(
            f"a study.toml has every setting, found {str(path)!r} without some ({error}): "
            "use it with --config instead, which fills the rest"
        ) from error


def with_rate(file: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of a file; a `study.toml` from before there were rates gets its kind.

    Every study then counted elements and trained networks alone. A file that a person wrote has
    seldom all settings, and means what a search means today.
    """
    is_of_study = {"searcher", "scheduler", "grace_epochs", "batch_size", "ratio"} <= file.keys()
    if "rate" in file or not is_of_study:
        return dict(file)
    return {**file, "rate": "elements", "linear_path": "off"}


def config_hash(config: SearchConfig) -> str:
    """Return 16 hex digits that are equal for studies that do the same work."""
    return hash_values(hashed_values(config))


def hashed_values(config: SearchConfig) -> dict[str, Any]:
    """Return the settings that say what a study does, as `config_hash` sees them."""
    return {name: value for name, value in asdict(config).items() if name not in NOT_HASHED}
