"""`python -m analysis.export`: a results folder in shapes that other programs read.

Parses, reads, and says what was written. Which shapes there are is in `analysis.exports.shapes`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.exports.folder import check_folder, claim_folder
from analysis.exports.shapes import PLAIN, SHAPES, compute_exports, read_names, require_packages
from tune.commands import DEFAULT_RESULTS
from tune.config.command import (
    DONE,
    OneSentenceParser,
    check_results_exist,
    run_command,
    writing_to,
)
from tune.errors import UsageError

DEFAULT_OUT = "export"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the shapes that were asked for; return the exit code."""
    parser = OneSentenceParser(
        "python -m analysis.export",
        "Write what the tables of all studies and promotions hold in shapes that other programs "
        "read.",
    )
    parser.add_argument(
        "--results",
        metavar="DIR",
        default=DEFAULT_RESULTS,
        help=f"folder of all studies (default: {DEFAULT_RESULTS})",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path(DEFAULT_OUT),
        help="folder to write into; of an earlier export, files are replaced and stores extended "
        f"(default: {DEFAULT_OUT})",
    )
    shapes = "; ".join(f"{shape.name}: {shape.holds}" for shape in SHAPES)
    parser.add_argument(
        "--as",
        dest="names",
        metavar="SHAPES",
        default=",".join(PLAIN),
        help=f"what to write, separated by commas. {shapes} (default: {','.join(PLAIN)})",
    )
    arguments = parser.parse_args(argv)
    return run_command(lambda: _export(arguments.results, arguments.out, arguments.names))


def _export(results: str, out: Path, names: str) -> int:
    shapes = read_names(names)
    check_results_exist(results)
    check_folder(out)
    require_packages(shapes)
    from analysis.frames import load

    frames = load(results)
    exports = compute_exports(frames, shapes)
    if not any(export.count for export in exports.values()):
        lacks = " or ".join(dict.fromkeys(export.lacks for export in exports.values()))
        raise UsageError(
            f"--as {names} needs {lacks}, found none in {results!r}: python -m tune.status shows "
            "what there is"
        )
    for note in frames.notes:
        sys.stdout.write(f"{note}\n")
    with writing_to(out):
        claim_folder(out)
        for name, export in exports.items():
            said = export.write(out) if export.count else f"nothing, found no {export.lacks}"
            sys.stdout.write(f"{name}: {said}\n")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
