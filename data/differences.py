"""In what an existing corpus differs from one that is asked for."""

from collections.abc import Mapping
from typing import Any

from data.info import CorpusInfo
from data.plan import CorpusPlan


def explain_differences(
    info: CorpusInfo, options: Mapping[str, Any], plan: CorpusPlan | None, hashes: Mapping[str, str]
) -> list[str]:
    """Say in what an existing corpus differs from one that was asked for.

    Args:
        info: The existing corpus.
        options: The stored form of the options asked for.
        plan: The plan asked for; None for synthetic scenes, which the options decide.
        hashes: SHA-256 by source name, of the plan's files.

    Returns:
        One phrase per difference, none when the corpus is what was asked for.
    """
    phrases = [
        f"{key} is {info.options.get(key)} there and {options.get(key)} here"
        for key in sorted({*info.options, *options})
        if info.options.get(key) != options.get(key)
    ]
    if plan is None:
        return phrases
    there = {record.name: record.sha256 for record in info.sources}
    names = {
        "new": set(hashes) - set(there),
        "gone": set(there) - set(hashes),
        "changed": {name for name in set(there) & set(hashes) if there[name] != hashes[name]},
    }
    phrases += [
        f"{len(found)} scene file(s) {kind}, for example {min(found)}"
        for kind, found in names.items()
        if found
    ]
    was = {(record.name, record.band): record.split for record in info.sources}
    moved = [
        name
        for (name, band), split in plan.split.split_of.items()
        if was.get((name, band), split) != split
    ]
    if moved:
        phrases.append(f"{len(moved)} image(s) in another split, for example {min(moved)}")
    return phrases + _explain_readings(info, plan)


def _explain_readings(info: CorpusInfo, plan: CorpusPlan) -> list[str]:
    """Say which images are understood otherwise than when the corpus was made.

    Files and options may be the same: an earlier version took units from other evidence, and knew
    neither masks nor scales.
    """
    records = {(record.name, record.band): record for record in info.sources}
    found: dict[str, list[str]] = {}
    for source in plan.sources:
        record = records.get((source.name, source.band))
        if record is None:
            continue
        is_plain = source.facts.mask_source in ("none", "nodata") and not source.facts.is_scaled
        there = (record.units, record.group, record.polarisation)
        if there != (source.units, source.group, source.polarisation):
            here = f"{source.units}, {source.group}, {source.polarisation}"
            found.setdefault(f"read as {', '.join(there)} there and {here} here", []).append(
                source.name
            )
        elif record.invalid_fraction is None and record.num_patches and not is_plain:
            why = "made before masks and scales were read"
            found.setdefault(why, []).append(source.name)
    return [f"{len(names)} image(s) {why}, for example {names[0]}" for why, names in found.items()]
