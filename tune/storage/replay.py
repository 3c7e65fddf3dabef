"""The tables that follow from a journal alone, without corpus, model or Ray."""

from dataclasses import replace
from typing import Any

from tune.storage.folder import StudyFolder
from tune.storage.journal import StudyJournal
from tune.storage.recorder import Recorder
from tune.storage.run_rows import run_rows
from tune.storage.trial_rows import trial_rows
from tune.trial.clock import StudyClock


def project_tables(folder: StudyFolder, journal: StudyJournal) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that the tables of a study must have, by the table's name.

    A trial that was suggested and never scheduled is in no table yet. Nothing is written.
    """
    agreement = journal.agreement
    if agreement is None:
        return {}
    recorder = Recorder(
        folder,
        agreement.facts,
        journal,
        StudyClock(journal.elapsed_s),
        make_rows=run_rows(agreement.candidates) if agreement.candidates else trial_rows,
    )
    for history in journal.trials():
        if history.spec is not None:
            recorder.recall(replace(history.spec, checkpoint=None), history)
    return {name: [dict(row) for row in rows] for name, rows in recorder.tables().items()}
