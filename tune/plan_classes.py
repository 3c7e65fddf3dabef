"""What each width of a search would take: memory, micro-batch, neighbours, trials per hour."""

from dataclasses import dataclass

from models.precision import Stack
from tune.packing import side_by_side
from tune.plan import StudyPlan
from tune.proposal import Proposal
from tune.trial import TrialSpec


@dataclass(frozen=True)
class ConfigurationClass:
    """Trials of one width.

    Attributes:
        spec: One of them, placed; its batch size is the configuration's.
        num_side_by_side: How many run beside each other; 0 if none can run.
        macs: Multiply-accumulates of one image's forward pass.
    """

    spec: TrialSpec
    num_side_by_side: int
    macs: int

    def trials_per_hour(self, epochs: float, epoch_s: float, timed_macs: int) -> float:
        """Return how many end in an hour, if neighbours do not slow each other.

        Args:
            epochs: That a trial takes, on average.
            epoch_s: Seconds of an epoch, timed with a model of `timed_macs`; others are taken to
                need time in proportion to their arithmetic.
            timed_macs: See epoch_s.
        """
        trial_s = epochs * epoch_s * self.macs / timed_macs
        return self.num_side_by_side * 3600.0 / trial_s


def configuration_classes(plan: StudyPlan, stack: Stack) -> tuple[ConfigurationClass, ...]:
    """Return the classes of a plan, one per width."""
    return tuple(configuration_class(plan, stack, width) for width in plan.widths)


def configuration_class(plan: StudyPlan, stack: Stack, base_channels: int) -> ConfigurationClass:
    """Return the class of one width."""
    spec = plan.trial_spec(Proposal(0, "plan", {"base_channels": base_channels}), stack)
    macs = plan.packing.predict(spec).macs
    return ConfigurationClass(spec, side_by_side(plan.packing, spec.placement), macs)
