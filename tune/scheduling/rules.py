"""The stopping rules by the name of `--scheduler`: at which epochs they compare, and how."""

from dataclasses import dataclass
from typing import Self

from tune.config.search import SearchConfig
from tune.scheduling.cutoffs import Cutoff, NearBest, TopShare
from tune.scheduling.rungs import RungLedger, every_epoch, rung_epochs


@dataclass(frozen=True)
class StoppingRule:
    """Who is stopped in a study.

    Attributes:
        scheduler: One of tune.config.search.SCHEDULERS.
        grace_epochs: Epochs before a trial can be stopped.
        reduction_factor: Of asha: one in this many continues at a rung, and rungs lie it apart.
        tolerance: Of leader: how far behind the best trial at the same epoch a trial may be.
    """

    scheduler: str
    grace_epochs: int
    reduction_factor: int
    tolerance: float

    @classmethod
    def of(cls, config: SearchConfig) -> Self:
        """Return the rule of a configuration."""
        return cls(config.scheduler, config.grace_epochs, config.reduction_factor, config.tolerance)

    def rungs(self, max_epochs: int) -> tuple[int, ...]:
        """Return the epochs after which trials of a length are compared; none without a rule."""
        if self.scheduler == "leader":
            return every_epoch(self.grace_epochs, max_epochs)
        if self.scheduler == "asha":
            return rung_epochs(self.grace_epochs, max_epochs, self.reduction_factor)
        return ()

    @property
    def cutoff(self) -> Cutoff:
        """Which value is good enough there."""
        if self.scheduler == "leader":
            return NearBest(self.tolerance)
        return TopShare(self.reduction_factor)

    def ledger(self, max_epochs: int, audit_share: float = 0.0, seed: int = 0) -> RungLedger:
        """Return an empty ledger for a study."""
        return RungLedger(self.rungs(max_epochs), self.cutoff, audit_share, seed)

    @property
    def flags(self) -> str:
        """The flags of `tune.search` that set the rule."""
        if self.scheduler == "none":
            return "--scheduler none"
        last = (
            f"--tolerance {self.tolerance:g}"
            if self.scheduler == "leader"
            else f"--reduction-factor {self.reduction_factor}"
        )
        return f"--scheduler {self.scheduler} --grace-epochs {self.grace_epochs} {last}"

    @property
    def words(self) -> str:
        """The rule in a few words, as a table's row begins."""
        if self.scheduler == "leader":
            return f"leader grace {self.grace_epochs} tolerance {self.tolerance:g}"
        if self.scheduler == "asha":
            return f"asha grace {self.grace_epochs} factor {self.reduction_factor}"
        return "none"
