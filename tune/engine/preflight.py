"""What every node of a cluster answers to `tune.doctor --cluster`; nothing is started there."""

import platform
import time
from contextlib import ExitStack
from dataclasses import dataclass

import ray
from ray.exceptions import RayError

from data.dataset import Corpus
from tune.engine.joining import GREETING_S, alive_nodes, ask
from tune.engine.node import Greeting, Question, what_it_is
from tune.engine.places import versions_fault
from tune.engine.processes import first_line
from tune.storage.probe import Probe, clock_difference_s, compare, open_probe, refusal
from tune.storage.stage import corpus_mib

MOST_CLOCK_DIFFERENCE_S = 1.0
"""Times of trials on several nodes are compared by the driver's clock alone; logs are not."""

LEAST_FREE_MIB = 1024.0
"""A search of small models keeps less than this."""


@dataclass(frozen=True)
class NodeReport:
    """What was found of one node.

    Attributes:
        name: Its machine's name, or Ray's where it did not answer.
        words: What it is: cores, memory, cards.
        faults: What keeps it from training; empty if nothing does.
        warnings: What does not, and a person should know.
    """

    name: str
    words: str
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect_nodes(
    results: str, corpus: Corpus | None, scratch: str | None = None
) -> list[NodeReport]:
    """Ask every node of the cluster that this process is attached to.

    Args:
        results: The results folder that a study would have.
        corpus: The corpus that it would read; None asks about none.
        scratch: Folder on every node for what travels; None where nodes see the driver's folders.

    Raises:
        UsageError: If the driver itself cannot write the results folder.
    """
    with ExitStack() as stack:
        probe = stack.enter_context(open_probe(results))
        question = Question(
            probe if scratch is None else None,
            None if corpus is None else str(corpus.path.absolute()),
            "" if corpus is None else corpus.info.fingerprint,
            "" if corpus is None else corpus.info.split_fingerprint,
            platform.node(),
            scratch,
        )
        needed_mib = 0.0 if corpus is None else corpus_mib(corpus)
        asked_s = time.time()
        answers = {
            raylet: ask(raylet, resources, question) for raylet, resources in alive_nodes().items()
        }
        ray.wait(list(answers.values()), num_returns=len(answers), timeout=GREETING_S)
        return [
            _report(raylet, answer, probe, asked_s, needed_mib)
            for raylet, answer in sorted(answers.items())
        ]


def _report(
    raylet: str,
    answer: "ray.ObjectRef[Greeting]",
    probe: Probe,
    asked_s: float,
    needed_mib: float,
) -> NodeReport:
    try:
        greeting: Greeting = ray.get(answer, timeout=0)
    except RayError as error:
        return NodeReport(raylet[:8], "", (f"it did not answer ({first_line(error)})",), ())
    return describe(greeting, probe, asked_s, time.time(), needed_mib)


def describe(
    greeting: Greeting, probe: Probe, asked_s: float, answered_s: float, needed_mib: float
) -> NodeReport:
    """Return what is to be said of a node that answered; while the probe is open.

    Args:
        greeting: What it answered.
        probe: What it may have looked at.
        asked_s: The driver's clock when it was asked, in seconds.
        answered_s: And when its answer was there.
        needed_mib: Size of the corpus that would be copied there.
    """
    facts, seen = greeting.facts, greeting.seen
    faults = [versions_fault(facts), greeting.corpus_fault]
    warnings = []
    if greeting.lacks_corpus and greeting.scratch_free_mib is not None:
        what = f"the corpus ({needed_mib:.0f} MiB) would be copied there"
        if needed_mib > greeting.scratch_free_mib:
            faults.append(f"{what}, and {greeting.scratch_free_mib:.0f} MiB are free")
        else:
            warnings.append(what)
    if seen is not None:
        seen = compare(probe, seen)
        faults.append(refusal(probe, seen))
        if seen.locks_cross is False:
            warnings.append(
                "a lock that the driver holds is not seen there: never start two drivers of one "
                "study on two machines"
            )
        if seen.free_mib is not None and seen.free_mib < LEAST_FREE_MIB:
            warnings.append(f"{seen.free_mib:.0f} MiB are free in the results folder")
    difference_s = clock_difference_s(asked_s, facts.at_s, answered_s)
    if abs(difference_s) > MOST_CLOCK_DIFFERENCE_S:
        warnings.append(f"its clock is {difference_s:+.1f} s off the driver's")
    if facts.num_cores == 0:
        warnings.append("it has no core for trials, as a head may")
    return NodeReport(
        facts.host,
        what_it_is(facts.num_cores, facts.memory_mib, facts.cards),
        tuple(fault for fault in faults if fault is not None),
        tuple(warnings),
    )
