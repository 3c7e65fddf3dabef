"""The last section: what the report could not show, and why."""

from analysis.frames import Frames
from analysis.kinds import kind_words
from analysis.page.section import Section
from analysis.rates.curves import RateDistortion


def missing_section(frames: Frames, result: RateDistortion) -> tuple[Section, ...]:
    """Return a section with a sentence per gap; nothing where there is no gap."""
    seen = {*frames.trials["study"], *frames.runs["study"]}
    said = " ".join(frames.notes)
    silent = [study for study in frames.studies if study not in seen and study not in said]
    sentences = (
        *frames.notes,
        *(f"{study}: no trial and no run in its tables." for study in silent),
        *result.notes,
        *(
            f"{panel.footing.words}, {kind_words(panel.rate)}: {note}."
            for panel in result.panels
            for note in panel.notes
        ),
    )
    if not sentences:
        return ()
    return (Section("What could not be shown", "missing", sentences),)
