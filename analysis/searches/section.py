"""What every search learnt: one section of the report per study.

Joins what the diagnoses say, their figures and their tables.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from analysis.frames import Frames
from analysis.page.section import Section
from analysis.searches.figures import Shares, share_of, study_figures
from analysis.searches.generalisation_gap import compute_generalisation_gap
from analysis.searches.marginals import find_edges
from analysis.searches.outcome_counts import OutcomeCounts, compute_outcome_counts
from analysis.searches.replays import compute_replays
from analysis.searches.rung_audit import compute_rung_audit
from analysis.searches.tables import study_tables
from analysis.searches.time_spent import compute_time_spent
from analysis.study_view import StudyView, view_studies

MOST_PRINTED_WHOLE = 3
"""Searches that a print has all figures and tables of; of more, it has the first of each."""


def sweep_sections(frames: Frames, shown: Collection[str] = ()) -> tuple[Section, ...]:
    """Return one section per search, in the order of the studies' names; none without searches.

    Args:
        frames: Tables of a results folder.
        shown: Names of figures that stand elsewhere in the report already.
    """
    views = view_studies(frames)
    shares = share_of(len(views))
    sections = [study_section(view, shares, shown) for view in views]
    if len(sections) > MOST_PRINTED_WHOLE:
        sections = [replace(section, is_brief_on_paper=True) for section in sections]
    return _apart(sections)


def _apart(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return sections with anchors of their own, also where names differ only in odd characters."""
    counts: dict[str, int] = {}
    found = []
    for section in sections:
        counts[section.anchor] = counts.get(section.anchor, 0) + 1
        number = counts[section.anchor]
        anchor = section.anchor if number == 1 else f"{section.anchor}--{number}"
        found.append(replace(section, anchor=anchor))
    return tuple(found)


def study_section(view: StudyView, shares: Shares, shown: Collection[str] = ()) -> Section:
    """Return what one search learnt; without trials a sentence that says so."""
    title = f"What the search learnt: {view.title}"
    anchor = "sweep-" + re.sub(r"[^a-z0-9_-]+", "-", view.name.lower())
    if view.trials.empty:
        words = f"{view.name}: the search has begun and has started no trial yet."
        return Section(title, anchor, (words,))
    counts = compute_outcome_counts(view)
    figures = study_figures(view, shares, counts)
    return Section(
        title,
        anchor,
        tuple(_paragraphs(view, counts)),
        tuple(one for one in figures if one.name not in shown),
        tuple(study_tables(view, counts)),
    )


def _paragraphs(view: StudyView, counts: OutcomeCounts) -> list[str]:
    searched = ", ".join(dim.name.replace("_", " ") for dim in view.space) or "an unknown space"
    state = "finished" if view.is_finished else "not finished"
    crash = "" if counts.crash_rate is None else f", crash rate {counts.crash_rate:.0%}"
    text = (
        f"{view.name} searches {searched}: {len(view.trials)} of {view.num_planned} trials, "
        f"{state}{crash}."
    )
    edges = [f"{edge.words[0].upper()}{edge.words[1:]}." for edge in find_edges(view)]
    gap = compute_generalisation_gap(view).words
    audit = compute_rung_audit(view).words
    replays = compute_replays(view)
    replayed = [] if replays is None else [replays.words]
    return [text, *edges, audit, *replayed, gap, compute_time_spent(view).words]
