"""The first screen: sentences that state the answer, the figure behind them, the matrix.

Once per kind of ratio. The sentences are in `analysis.overview.sentences`.
"""

from dataclasses import replace

from analysis.frames import Frames
from analysis.kinds import BYTES, ELEMENTS, kind_words, split_by_kind
from analysis.overview.headline import facts, headline
from analysis.overview.matrix import status_tables
from analysis.overview.search_headline import (
    scores_facts,
    scores_headline,
    study_facts,
    study_headline,
)
from analysis.overview.search_scores import compute_search_scores, draw_search_scores
from analysis.overview.sentences import answer_sentences, search_sentences
from analysis.page.section import NamedFigure, NamedTable, Section
from analysis.rates.curves import RateDistortion
from analysis.rates.figure import draw_rate_distortion
from analysis.rates.finding import finding
from analysis.rates.marks import Axis
from analysis.rates.section import OPERATING_WORDS, axes_of
from analysis.rates.shown import rate_distortion_frame
from analysis.searches.figures import score_figures, share_of
from analysis.study_view import view_studies


def answer_sections(frames: Frames, result: RateDistortion) -> tuple[Section, ...]:
    """Return the first sections, one per kind of ratio; without test scores what searches say."""
    parts = split_by_kind(frames)
    return tuple(
        answer_section(part, result, rate, number)
        for number, (rate, part) in enumerate(parts.items())
    )


def answer_section(frames: Frames, result: RateDistortion, rate: str, number: int = 0) -> Section:
    """Return the answer of one kind of ratio.

    Args:
        frames: Tables of that kind.
        result: Of all kinds.
        rate: The kind.
        number: How many other kinds stand before it; names of figures are unique.
    """
    after = f"_{rate}" if number else ""
    anchor = f"answer{after}"
    tables = tuple(replace(table, name=f"{table.name}{after}") for table in status_tables(frames))
    panel = next((n for n, panel in enumerate(result.panels) if panel.rate == rate), None)
    if panel is not None:
        shown = result.panels[panel]
        line, lead = headline(shown)
        return Section(
            f"The answer, {kind_words(rate)}",
            anchor,
            answer_sentences(frames, shown),
            _rate_figures(result, panel, after),
            tables,
            headline=line,
            lead=lead,
            facts=facts(shown),
        )
    return _searches_section(frames, rate, anchor, after, tables)


def _searches_section(
    frames: Frames, rate: str, anchor: str, after: str, tables: tuple[NamedTable, ...]
) -> Section:
    """Return what searches alone say; one search alone has a first screen of its own."""
    title = f"The answer, of searches only, {kind_words(rate)}"
    searched = compute_search_scores(frames)
    sentences = search_sentences(searched[0] if searched else None)
    views = view_studies(frames)
    if not searched:
        return Section(title, anchor, sentences, (), tables)
    if len(views) == 1 and len(views[0].scored):
        (view,) = views
        line, lead = study_headline(view)
        figures = tuple(score_figures(view, share_of(1))[:2])
        return Section(title, anchor, sentences, figures, (), line, lead, study_facts(view))
    line, lead = scores_headline(searched[0])
    figures = tuple(
        NamedFigure(
            f"search_scores_{place}{after}",
            f"Best validation {scores.objective.words} of each search against the nominal ratio"
            + ("" if scores.references.empty else f", with {_REFERENCE_WORDS[rate]}")
            + ". Chosen by this score, one seed: it flatters.",
            draw_search_scores(scores),
            scores.best,
            is_main=place == 1,
            title=scores.finding,
        )
        for place, scores in enumerate(searched, start=1)
        if scores.best["ratio"].nunique() > 1  # at one ratio the heat map says it all
    )
    return Section(title, anchor, sentences, figures, tables, line, lead, scores_facts(searched[0]))


_REFERENCE_WORDS = {
    BYTES: "JPEG2000 of the whole patches and the block KLT, at the same rates",
    ELEMENTS: "the linear codecs of as many elements",
}


def _rate_figures(result: RateDistortion, number: int, after: str) -> tuple[NamedFigure, ...]:
    panel = result.panels[number]
    lower = (
        " Below: the same lines over JPEG2000 at equal bytes, paired by image, with 95 % intervals."
        if panel.over_jpeg2000
        else ""
    )
    captions: dict[Axis, str] = {
        "rate": "PSNR against real bits per pixel, all bytes that a decoder needs. "
        + (
            OPERATING_WORDS
            if panel.rate == BYTES
            else "Faint marks: settings that another one of the same architecture beats in both."
        )
        + lower,
        "ratio": "PSNR against the nominal ratio: latents unquantised, codecs at 8 bit over the "
        "ratio.",
    }
    return tuple(
        NamedFigure(
            f"answer_psnr_{against}{after}",
            captions[against],
            draw_rate_distortion(result, number, "psnr_db", against),
            rate_distortion_frame(panel, "psnr_db", against),
            is_main=True,
            title=finding(panel, "psnr_db", against),
        )
        for against in axes_of(panel)
    )
