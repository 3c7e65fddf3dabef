"""What follows from what a ratio counts, and from whether an architecture has a network.

`tune.config.resolve` asks here for what nobody said.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from models.registry import ARCHITECTURES
from models.shapes import nominal_channels
from tune.space.dimensions import DEFAULT_TUNE, LATENT_CHOICES, OF_NETWORKS
from tune.space.ranges import ranges_without

LATENTS = "latent_channels"


def archs_with(linear_path: object) -> tuple[str, ...]:
    """Return what `--arch all` means: without a linear path, the architectures that can do so."""
    return tuple(
        name for name, arch in ARCHITECTURES.items() if linear_path == "on" or arch.has_network
    )


def default_tune(arch: str, rate: str) -> tuple[str, ...]:
    """Return what is searched where nobody says."""
    names = DEFAULT_TUNE if rate == "elements" else (*DEFAULT_TUNE, LATENTS)
    has_network = ARCHITECTURES[arch].has_network
    return names if has_network else tuple(n for n in names if n not in OF_NETWORKS)


def usual_latent_channels(rate: str, ratio: int) -> int:
    """Return the latent channels of a study that does not search them, and of its first trial."""
    return nominal_channels(ratio) if rate == "elements" else LATENT_CHOICES[ratio][1]


def usual_learning_rate(arch: str, rate: str, ratio: int) -> float:
    """Return the learning rate of a study that does not search it, and of its first trial.

    At 4x a network's code is nearly exact, and steps at 1e-3 end 0.2 (baseline) and 0.9 dB
    (attention) below the best: benchmarks/RESULTS.md, "Who finds the best configuration soonest".
    """
    is_fine = rate == "bytes" and ratio == 4 and ARCHITECTURES[arch].has_network
    return 2.5e-4 if is_fine else 1e-3


def suited_to_arch(
    given: Mapping[str, Any], ranges: Iterable[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return settings and ranges without what means nothing to an architecture without network.

    A command over all architectures may ask for it. The width is 1: every study has one. Where
    nothing else was to be searched, the usual dimensions are.
    """
    if ARCHITECTURES[given["arch"]].has_network:
        return dict(given), tuple(ranges)
    kept = {**given, "base_channels": 1, "dropout": 0.0}
    if "tune" in kept:
        kept["tune"] = tuple(name for name in kept["tune"] if name not in OF_NETWORKS)
        if not kept["tune"]:
            del kept["tune"]
    return kept, ranges_without(ranges, OF_NETWORKS)


def without_former_latents(
    from_file: Mapping[str, Any], from_flags: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of a file without its latent channels where flags change their meaning.

    A `study.toml` has the channels that suit its own ratio, with any flag on top.
    """
    changed = {
        name
        for name in ("rate", "ratio")
        if name in from_flags and name in from_file and from_flags[name] != from_file[name]
    }
    if not changed:
        return dict(from_file)
    kept = {name: value for name, value in from_file.items() if name != LATENTS}
    kept["range"] = ranges_without(kept.get("range", ()), (LATENTS,))
    if "rate" in changed and "tune" in kept:
        kept["tune"] = tuple(name for name in kept["tune"] if name != LATENTS)
    return kept
