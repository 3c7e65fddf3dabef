"""The page that a run writes: what held, what did not, and the figures."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.on_card.rows import Ending, Row, StageRun, latest
from benchmarks.on_card.stages import STAGES

REFERENCE_CARD = "RTX 3070"

INTRODUCTION = (
    "What `python -m benchmarks.on_card` found on a CUDA card. Every stage is the last run of it."
)


def write_page(path: Path, runs: Sequence[StageRun]) -> None:
    """Write the page of all runs so far, whole or not at all."""
    waiting = path.with_suffix(".tmp")
    waiting.write_text(page(runs), encoding="utf-8")
    waiting.replace(path)


def page(runs: Sequence[StageRun]) -> str:
    """Return the page as Markdown."""
    shown = {run.stamp.stage: run for run in latest(list(runs))}
    ordered = [shown[name] for name in STAGES if name in shown]
    parts = ["# On a card", INTRODUCTION, _heading(ordered)]
    if ordered:
        parts.append(_claims(ordered))
    parts += [_section(run) for run in ordered]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(runs: Sequence[StageRun]) -> str:
    on_card = [run for run in runs if not run.stamp.rehearsed]
    if not on_card:
        never = "**Never run on a card.**"
        return never + (" The figures below are of a rehearsal: they mean nothing." if runs else "")
    cards = sorted({run.stamp.device for run in on_card})
    others = [card for card in cards if REFERENCE_CARD not in card]
    note = (
        f" {', '.join(others)} is not the reference card, an {REFERENCE_CARD} with 8 GB: "
        "speeds and sizes are of this card alone."
        if others
        else ""
    )
    return f"Measured on {', '.join(cards)}.{note}"


def _claims(runs: Sequence[StageRun]) -> str:
    """Return a line per claim: of how many rows it held."""
    lines = ["| stage | what must hold | held |", "|---|---|---|"]
    for run in runs:
        claims: dict[str, list[bool | None]] = {}
        for row in run.rows:
            if row.claim is not None:
                claims.setdefault(row.claim, []).append(row.holds)
        lines += [f"| {run.stamp.stage} | {claim} | {_held(v)} |" for claim, v in claims.items()]
    return "\n".join(lines)


def _held(verdicts: Sequence[bool | None]) -> str:
    told = [verdict for verdict in verdicts if verdict is not None]
    if not told:
        return "cannot be told here"
    if all(told):
        return f"yes ({len(told)} of {len(told)})"
    return f"**no** ({sum(told)} of {len(told)})"


def _section(run: StageRun) -> str:
    stage = STAGES[run.stamp.stage]
    stamp = run.stamp
    where = "rehearsed on" if stamp.rehearsed else "on"
    line = (
        f"{_ended(run.ending)}, {where} {stamp.device}, {stamp.run} UTC, "
        f"commit {stamp.commit}, torch {stamp.torch}, corpus {stamp.corpus}."
    )
    tables: dict[str, list[Row]] = {}
    for row in run.rows:
        tables.setdefault(row.table, []).append(row)
    parts = [f"## {stage.name}: {stage.question}", line]
    parts += [f"{name}\n\n{_table(rows)}" for name, rows in tables.items()]
    return "\n\n".join(parts)


def _ended(ending: Ending | None) -> str:
    if ending is None:
        return "Not finished: the command was ended"
    took = f"after {ending.took_s:.0f} s"
    if ending.state == "finished":
        return f"Finished {took}"
    if ending.state == "cut off":
        return f"Cut off at its limit, {took}"
    return f"**Failed** {took} ({ending.reason})"


def _table(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row.figures))
    has_claims = any(row.claim is not None for row in rows)
    heads = [*columns, *(["holds"] if has_claims else [])]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for row in rows:
        cells = [_cell(row.figures.get(name)) for name in columns]
        lines.append(_line([*cells, *([_verdict(row)] if has_claims else [])]))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def _verdict(row: Row) -> str:
    if row.claim is None:
        return ""
    return {True: "yes", False: "**no**", None: "–"}[row.holds]
