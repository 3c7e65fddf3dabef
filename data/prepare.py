"""`python -m data.prepare SCENES... --out corpus/`: scenes in, a corpus out.

Parses, calls `builder`, and says what was kept, what was dropped and why. Running it again with the
same scenes and options changes nothing. Everything heavy is imported after parsing.
"""

# ruff: noqa: T201 - a command prints

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from data.errors import DataError
from data.text import as_text, is_text, print_anything

if TYPE_CHECKING:
    from data.info import CorpusInfo
    from data.plan import CorpusPlan, PrepareOptions

EXIT_DONE, EXIT_USAGE, EXIT_INTERRUPTED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments; those of the process when None.

    Returns:
        0 done, 2 a user's mistake, 130 interrupted.
    """
    args = _parser().parse_args(argv)
    print_anything()
    try:
        _prepare(args)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("interrupted, nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_DONE


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in the flags in one sentence, as every other mistake is told."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}: see {self.prog} --help", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m data.prepare",
        description="Cut SAR scenes into patches, split them by orbit pass, and store them once.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("scenes", nargs="*", type=Path, metavar="SCENES", help="files, folders or .SAFE products: "
        "GeoTIFF, ENVI .img, PNG of 8 or 16 bits, .npy")  # fmt: skip
    add("--out", type=Path, metavar="DIR", help="the corpus folder to make")
    add("--split-file", type=Path, metavar="CSV", help="columns path and split (train, val or "
        "test); without it whole passes are drawn, about 80:10:10")  # fmt: skip
    add("--patch-px", type=int, default=256, metavar="N", help="patch side in pixels, a multiple "
        "of 16 (default 256)")  # fmt: skip
    add("--units", action="append", default=[], metavar="UNITS", help="what pixels measure: "
        "amplitude, intensity or db, for all files or as 'PATTERN=db' for some, repeatable; "
        "without it header, product or name tell, and nothing is guessed")  # fmt: skip
    add("--group-by", default="auto", metavar="HOW", help="which images share clip bounds: folder "
        "(the first below SCENES), product (its kind), none (all), or auto")  # fmt: skip
    add("--bands", metavar="POL,...", help="polarisation of each band of files that do not name "
        "theirs, as vv,vh")  # fmt: skip
    add("--min-valid-fraction", type=float, default=0.99, metavar="F", help="drop a patch with "
        "fewer valid pixels than this share (default 0.99)")  # fmt: skip
    add("--train-overlap", type=float, default=0.0, metavar="F", help="share of a training patch "
        "that the next one repeats (default 0: every pixel is stored once)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="draws the split (default 0)")
    add("--name", help="what reports call the corpus (default: the folder's name)")
    add("--synthetic", action="store_true", help="make synthetic scenes instead of reading some")
    add("--dry-run", action="store_true", help="print the plan and its size, write nothing")
    add("--check", action="store_true", help="read everything, say what was understood and why, "
        "keep no corpus")  # fmt: skip
    add("--quicklooks", type=Path, metavar="DIR", help="also write a small picture of every image")
    add("--quiet", action="store_true", help="print errors only")
    return parser


def _prepare(args: argparse.Namespace) -> None:
    from data.plan import PrepareOptions
    from data.unit_rules import read_unit_rules

    if args.out is None and not args.check:
        raise DataError("a corpus needs a folder, found no --out: give one, or --check alone")
    if args.out is not None and not is_text(str(args.out)):
        raise DataError(
            f"a corpus lies in a folder whose name is UTF-8, found --out {as_text(str(args.out))}: "
            "name another one"
        )
    if bool(args.scenes) == args.synthetic:
        raise DataError(
            "a corpus is made either of scenes or with --synthetic, and "
            f"{'both' if args.synthetic else 'neither'} is given: name a folder of scenes"
        )
    if args.synthetic and (args.split_file or args.units):
        raise DataError(
            "synthetic scenes have known units and split by pass, and --units or --split-file is "
            "given with --synthetic: leave it out"
        )
    if args.synthetic and (args.check or args.quicklooks):
        raise DataError(
            "--check and --quicklooks show how scenes were read, found with --synthetic: name a "
            "folder of scenes"
        )
    rules = read_unit_rules(args.units)
    options = PrepareOptions(
        patch_px=args.patch_px,
        min_valid_fraction=args.min_valid_fraction,
        train_overlap=args.train_overlap,
        units=rules.of_all,
        unit_patterns=rules.patterns,
        group_by=args.group_by,
        bands=_read_bands(args.bands),
        seed=args.seed,
    )
    (_prepare_synthetic if args.synthetic else _prepare_scenes)(args, options)


def _read_bands(text: str | None) -> tuple[str, ...]:
    from data.products import POLARISATIONS

    bands = tuple(part.strip().lower() for part in text.split(",")) if text else ()
    for band in bands:
        if band not in POLARISATIONS:
            raise DataError(
                f"--bands takes polarisations such as vv,vh, found {band!r}: name all bands so"
            )
    return bands


def _prepare_scenes(args: argparse.Namespace, options: "PrepareOptions") -> None:
    from data.plan import plan_corpus

    name = _name_corpus(args)
    plan = plan_corpus(args.scenes, options, name=name, split_file=args.split_file)
    if args.quicklooks:
        _write_quicklooks(plan, args.quicklooks, quiet=args.quiet)
    if args.check:
        _check(plan, quiet=args.quiet)
        return
    if args.dry_run:
        _print_plan(plan, args.out)
        return
    hashes = _hash(plan, quiet=args.quiet)
    if not _is_up_to_date(args, plan.stored_options(), plan, hashes):
        info = _build(plan, hashes, args.out, quiet=args.quiet)
        _print_result(args, info, plan.split.warnings)


def _name_corpus(args: argparse.Namespace) -> str:
    return as_text(args.name or (args.out.resolve().name if args.out else "check"))


def _hash(plan: "CorpusPlan", *, quiet: bool) -> Mapping[str, str]:
    from data.plan import count_bytes, hash_sources
    from data.progress import show_progress

    with show_progress("Hashing scenes", count_bytes(plan), quiet=quiet) as advance:
        return hash_sources(plan, advance)


def _build(
    plan: "CorpusPlan", hashes: Mapping[str, str], out: Path, *, quiet: bool
) -> "CorpusInfo":
    from data.builder import build_corpus
    from data.progress import show_progress

    num_pixels = sum(source.num_pixels for source in plan.sources)
    with show_progress("Cutting patches", num_pixels, quiet=quiet) as advance:
        return build_corpus(plan, hashes, out, advance)


def _check(plan: "CorpusPlan", *, quiet: bool) -> None:
    """Build a corpus where it vanishes again, and say what was understood."""
    import tempfile

    from data.check import describe_families

    hashes = _hash(plan, quiet=quiet)
    with tempfile.TemporaryDirectory() as folder:
        info = _build(plan, hashes, Path(folder) / "corpus", quiet=quiet)
    print(describe_families(info))
    for warning in plan.split.warnings:
        print(f"Warning: {warning}")
    print("Checked; nothing was written.")


def _write_quicklooks(plan: "CorpusPlan", folder: Path, *, quiet: bool) -> None:
    from data.quicklook import write_quicklook

    for source in plan.sources:
        path = write_quicklook(source, folder)
        if not quiet:
            print(f"Wrote {path}")


def _prepare_synthetic(args: argparse.Namespace, options: "PrepareOptions") -> None:
    from dataclasses import asdict

    from data.plan import store_options
    from data.progress import show_progress
    from data.synthetic import Recipe, build_synthetic_corpus

    recipe = Recipe(seed=args.seed)
    if args.dry_run:
        print(
            f"Plan for {args.out}: {recipe.num_passes} synthetic scenes of {recipe.height_px} x "
            f"{recipe.width_px} px, about {recipe.num_pixels * 2 / 1e6:.0f} MB; nothing is written."
        )
    elif not _is_up_to_date(args, store_options(options, asdict(recipe)), None, {}):
        name = _name_corpus(args)
        with show_progress("Drawing scenes", 2 * recipe.num_pixels, quiet=args.quiet) as advance:
            info = build_synthetic_corpus(args.out, recipe, options, name=name, advance=advance)
        _print_result(args, info)


def _is_up_to_date(
    args: argparse.Namespace,
    options: Mapping[str, Any],
    plan: "CorpusPlan | None",
    hashes: Mapping[str, str],
) -> bool:
    """Say whether the corpus already is what is asked for; refuse when it is something else."""
    from data.dataset import Corpus
    from data.differences import explain_differences
    from data.info import INFO_FILE

    if not (args.out / INFO_FILE).is_file():
        return False
    info = Corpus.open(args.out).info
    differences = explain_differences(info, options, plan, hashes)
    if args.name and _name_corpus(args) != info.name:
        differences.append(f"its name is {info.name} there and {_name_corpus(args)} here")
    if differences:
        raise DataError(
            f"a corpus is never changed, and {args.out} was made otherwise "
            f"({'; '.join(differences)}): give another --out"
        )
    if not args.quiet:
        print(f"{args.out} is up to date (fingerprint {info.fingerprint}); nothing was written.")
        _print_next(args.out)
    return True


def _print_plan(plan: "CorpusPlan", out: Path) -> None:
    from data.summary import describe_small, table_of_plan

    print(table_of_plan(plan))
    for line in describe_small(plan):
        print(line)
    for warning in plan.split.warnings:
        print(f"Warning: {warning}")
    num_patches = sum(plan.num_patches(source) for source in plan.sources)
    size_mb = num_patches * plan.options.patch_px**2 * 2 / 1e6
    print(f"Plan for {out}: at most {num_patches} patches, {size_mb:.1f} MB; nothing is written.")


def _print_result(
    args: argparse.Namespace, info: "CorpusInfo", warnings: Sequence[str] = ()
) -> None:
    from data.check import count_left_out
    from data.summary import (
        describe_losses,
        describe_size,
        table_of_corpus,
        warn_of_lost_images,
    )

    if args.quiet:
        return
    print(table_of_corpus(info))
    for line in describe_losses(info):
        print(line)
    if info.left_out:
        print(count_left_out(info.left_out, len(info.sources)))
    for warning in (*warnings, *warn_of_lost_images(info)):
        print(f"Warning: {warning}")
    if info.is_synthetic:
        print("Note: these scenes are synthetic; scores on them say nothing about real ones.")
    if info.attribution:
        print(f"Publish with it: {info.attribution}")
    print(f"Wrote {args.out}: {describe_size(args.out, info)}.")
    _print_next(args.out)


def _print_next(out: Path) -> None:
    corpus = shlex.quote(str(out))
    print(f"Next: python -m tune.search --arch attention --ratio 16 --data {corpus}")


if __name__ == "__main__":
    sys.exit(main())
