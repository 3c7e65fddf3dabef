"""What an uninterrupted search would have found: `python -m tests.chaos.reference STUDY`.

Trains every trial of a study again, alone and without a search, from the study's configuration:
the suggestions of a fresh sampler and their epochs. Prints JSON. A process of its own, because the
number of threads decides about the last bits.
"""

import json
import sys
import tempfile
from pathlib import Path

from models.training.loop import train_epochs
from models.training.precision import prepare_process
from tests.chaos.checks import plan_of
from tune.scheduling.sampler import Sampler
from tune.storage.journal import StudyJournal
from tune.study.opening import choose_study_stack
from tune.trial.session import open_session


def main() -> int:
    """Print values and validation scores of every trial, had no rung stopped it."""
    prepare_process(num_threads=1)
    plan = plan_of(Path(sys.argv[1]))
    stack = choose_study_stack(plan)
    config = plan.config
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        journal = StudyJournal.create(Path(folder) / "journal", "reference")
        dimensions = plan.space.dimensions
        sampler = Sampler(journal, dimensions, plan.known, config.searcher, config.seed)
        for _ in range(config.trials):
            suggestion = sampler.suggest()
            session = open_session(plan.trial_spec(suggestion, stack))
            scores_db = [epoch.val_psnr_db for epoch in train_epochs(session)]
            trials.append({"values": dict(suggestion.values), "scores_db": scores_db})
    sys.stdout.write(json.dumps(trials))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
