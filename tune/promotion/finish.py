"""The end of a promotion, when every choice has been made: test scores, codecs, bounds, pictures.

Everything is written table by table, and what is written is not made again, so that an interrupted
evaluation is resumed. A line in the journal says when nothing is left to do.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from tune.config.machine import available_cores
from tune.engine.run import interruptible
from tune.evaluation.bounds import bound_rows
from tune.evaluation.codecs import cached_codecs, codec_rows, klt_psnr_db, score_codecs
from tune.evaluation.coding import NUM_FIT_IMAGES, NUM_STEP_IMAGES
from tune.evaluation.coding_at_rate import STEP_SCALES
from tune.evaluation.holdout import HoldoutScores, coder_file, load_coders
from tune.evaluation.images import read_images
from tune.evaluation.pictures import choose_images, picture_rows
from tune.evaluation.run_model import load_run
from tune.promotion.plan import PromotionPlan
from tune.scheduling.conductor import Conductor
from tune.statistics.verdicts import Verdict
from tune.study.opening import OpenStudy
from tune.tables.files import find_tables, read_table, write_table
from tune.trial.record import TrialRecord

Say = Callable[[str], None]


def finish_promotion(
    plan: PromotionPlan,
    study: OpenStudy,
    conductor: Conductor,
    runs: Sequence[TrialRecord],
    verdicts: Sequence[Verdict],
    say: Say,
) -> None:
    """Score runs and codecs on test images and write pictures.

    A signal ends it between two runs; `conductor.interruption` says so then.

    Args:
        plan: What was decided.
        study: Its folder and journal.
        conductor: Hears signals.
        runs: Those that the verdicts are about.
        verdicts: On the candidates, best first.
        say: Told how far it is.
    """
    check_coders(runs)
    facts = study.agreement.facts
    corpus_columns = {
        "corpus": facts.corpus,
        "is_synthetic": facts.is_synthetic,
        "corpus_fingerprint": facts.corpus_fingerprint,
    }
    train, val, test = (
        read_images(plan.corpus, split, plan.score_px, limit)
        for split, limit in (
            ("train", NUM_FIT_IMAGES),
            ("val", _num_step_images(plan)),
            ("test", plan.promotion.test_images),
        )
    )
    folder = study.folder
    with interruptible(conductor), all_cores():
        scores = HoldoutScores(folder, corpus_columns, train, val, test, plan.config.target_bpp)
        for count, run in enumerate(runs, start=1):
            if conductor.interruption is not None:
                return
            if scores.add(run):
                name = run.spec.short_name
                say(f"{name}  scored on {len(test)} test images, {count}/{len(runs)}")
        if not find_tables(folder.path.parent, "codecs", folder.name):
            rows = cached_codecs(plan.promotion.results, facts.corpus_fingerprint, test)
            if rows is None:
                say(f"codecs on {len(test)} test images, once per corpus")
                rows = []
                for row in score_codecs(plan.corpus, train, val, test):
                    if conductor.interruption is not None:
                        return
                    rows.append(row)
            write_table(folder.tables, "codecs", codec_rows(folder.name, corpus_columns, rows))
        if not find_tables(folder.path.parent, "bounds", folder.name):
            rows = bound_rows(folder.name, corpus_columns, train, test)
            write_table(folder.tables, "bounds", rows)
        shown = shown_run(runs, verdicts)
        if shown is not None:
            coders = load_coders(coder_file(shown.spec))
            coder = coders[0 if plan.config.target_bpp is None else STEP_SCALES.index(1.0)]
            codecs = read_table(folder.path.parent, "codecs", folder.name).to_dict("records")
            chosen = choose_images(klt_psnr_db(codecs, shown.spec.model.ratio, test.names))
            pictures = picture_rows(shown.spec, load_run(shown), coder, test, chosen)
            write_table(folder.tables, "pictures", pictures)
    study.journal.finish(study.clock.now())


def _num_step_images(plan: PromotionPlan) -> int:
    """Return how many validation images decide on steps: all, where they must meet a rate."""
    if plan.config.target_bpp is not None:
        return plan.val_images
    return min(NUM_STEP_IMAGES, plan.val_images)


def check_coders(runs: Sequence[TrialRecord]) -> None:
    """Refuse to go on where runs were coded by a coder that this release does not have.

    Raises:
        ModelError: If one was.
    """
    for run in runs:
        if (path := coder_file(run.spec)).is_file():
            load_coders(path)


@contextmanager
def all_cores() -> Iterator[None]:
    """Compute with every core, and the card: no worker trains any more."""
    before = torch.get_num_threads()
    torch.set_num_threads(available_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.cuda.empty_cache()  # the next promotion's trials share the card


def shown_run(runs: Sequence[TrialRecord], verdicts: Sequence[Verdict]) -> TrialRecord | None:
    """Return the run whose pictures are shown: the best candidate's first one."""
    if not verdicts:
        return None
    return next(run for run in runs if run.spec.proposed_by == verdicts[0].candidate)
