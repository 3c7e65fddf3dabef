"""How long a study still takes, from how many epochs its trials have finished so far."""

from collections.abc import Iterable


def time_left_s(
    trials: Iterable[tuple[int, bool]], num_planned: int, max_epochs: int, epoch_s: float
) -> float:
    """Estimate the seconds until the last trial of a study has ended.

    A trial that is still to come, or runs, is taken to need as many epochs as those that are over
    needed on average, and all of its epochs while none is over. A running trial needs at least one
    more.

    Args:
        trials: Of each trial so far, its finished epochs and whether it is over for good.
        num_planned: Trials that the study will have.
        max_epochs: Epochs of a trial that is never stopped.
        epoch_s: Seconds until all running trials together have finished one more epoch.

    Example:
        >>> time_left_s([(4, True), (1, False)], num_planned=3, max_epochs=4, epoch_s=2.0)
        14.0
    """
    trials = list(trials)
    over = [epochs for epochs, is_over in trials if is_over]
    expected = sum(over) / len(over) if over else max_epochs
    to_come = sum(max(expected - epochs, 1) for epochs, is_over in trials if not is_over)
    to_come += expected * max(num_planned - len(trials), 0)
    return float(to_come * epoch_s)
