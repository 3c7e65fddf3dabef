"""The configuration of one promotion: what is asked, resolved, checked and written down.

As `tune.config.search` is for searches, with fewer layers: crops, batches, validation images and
all that was not searched come from the promoted search itself.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tune.commands import typed
from tune.config.rules import check_architecture, check_ratio
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
from tune.errors import UsageError

NOT_HASHED = ("results", "max_concurrent")
"""Settings that say where or how fast, not what: a promotion is the same one without them."""


@dataclass(frozen=True, kw_only=True)
class PromotionConfig:
    """Everything that decides what a promotion does; its `study.toml` is this, written down."""

    arch: str = setting(
        "architecture of the autoencoder, several with commas between them, or all",
        default_words="every one that has a finished search",
        expands=True,
    )
    ratio: int = setting(
        "input elements per latent element (4, 8, 16, 32 or 64), several with commas between "
        "them, or all",
        default_words="every one that has a finished search",
        expands=True,
    )
    study: str = setting(
        "name of the search whose trials are promoted",
        default_words="the newest finished search of an architecture and ratio",
    )
    data: str | None = setting(
        "folder of the prepared corpus, the one that was searched on",
        default=None,
        default_words="where the search had it",
    )
    results: str = setting("folder of all studies", default="ray_results")
    top: int = setting(
        "candidates: the best trials of the search; the hand-set control joins them",
        default=3,
        at_least=1,
    )
    seeds: int = setting(
        "runs of each candidate, with the same seeds for all: of weights and of the order of data",
        default=3,
        at_least=1,
    )
    data_fraction: float = setting("share of the training patches", default=1.0, above=0, at_most=1)
    epochs: int = setting("epochs of a run", default=50, at_least=1)
    patience: int = setting(
        "epochs without a better validation score, by the search's objective, after which a run "
        "stops",
        default=10,
        unit="epochs",
        at_least=1,
    )
    racing: str = setting(
        "whether clearly worse candidates get no further seeds",
        default="on",
        choices=("on", "off"),
    )
    test_images: int | None = setting(
        "test images that every run is scored on at the end, or all",
        default_words="as many as the validation images of the search",
        at_least=1,
        none_word=ALL,
    )
    seed: int = setting(
        "seed of the first run of each candidate; the others follow it",
        default=0,
        at_least=0,
        at_most=2**31,
    )
    max_concurrent: int = setting(
        "runs that train at the same time", default_words="as a search picks", at_least=1
    )
    device: str = setting(
        "where runs train",
        default_words="auto: the CUDA card if there is one",
        choices=("auto", "cpu", "cuda"),
    )

    def __post_init__(self) -> None:
        for name, known in settings_of(PromotionConfig).items():
            check_limits(known, getattr(self, name))
        check_architecture(self.arch)
        check_ratio(self.ratio)

    @property
    def run_seeds(self) -> tuple[int, ...]:
        """The seeds of every candidate's runs."""
        return tuple(range(self.seed, self.seed + self.seeds))


def write_promotion(config: PromotionConfig) -> str:
    """Return the text of a promotion's `study.toml`, which `--config` reads back."""
    return (
        "# The resolved configuration of a promotion. To repeat it, with any flag on top:\n"
        "#     python -m tune.promote --config study.toml\n"
        + format_toml(asdict(config), settings_of(PromotionConfig))
    )


def read_promotion(path: Path | str) -> PromotionConfig:
    """Return the configuration that a promotion's `study.toml` holds.

    Raises:
        UsageError: If it cannot be read, is incomplete, or is a search's.
    """
    values = read_values(PromotionConfig, read_toml_file(path), str(path))
    try:
        return PromotionConfig(**values)
    except TypeError as error:
        anew = typed("tune.promote", "--new", results=Path(path).parent.parent)
        raise UsageError(
            f"the study.toml of a promotion has every setting, found {str(path)!r} without some "
            f"({error}): promote anew with {anew}"
        ) from error


def promotion_hash(config: PromotionConfig) -> str:
    """Return 16 hex digits that are equal for promotions that do the same work."""
    values = {name: value for name, value in asdict(config).items() if name not in NOT_HASHED}
    return hash_values(values)


def read_asked(flags: Mapping[str, object], file: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings that were given, typed and checked one by one; flags go before a file.

    Raises:
        UsageError: For a value that no promotion can have.
    """
    asked = read_values(PromotionConfig, file, "a configuration file")
    asked |= read_values(PromotionConfig, flags, "the command")
    for name, check in (("arch", check_architecture), ("ratio", check_ratio)):
        if (value := asked.get(name, ALL)) != ALL:
            for one in value if isinstance(value, tuple) else (value,):
                check(one)
    return asked
