"""What is asked of a node of a cluster: these functions run there, in a task of Ray.

Nothing here is read by the driver of its own machine; what a node answers is plain data.
"""

import os
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tune.card.device import Card, measure_card, measure_cards
from tune.errors import UsageError
from tune.storage.probe import Probe, Seen, corpus_refusal, look
from tune.storage.stage import check_scratch, find_corpus

VERSIONS = ("ray", "torch", "numpy")
"""Packages whose versions must be the driver's."""


@dataclass(frozen=True)
class NodeFacts:
    """What a node tells of itself.

    Attributes:
        raylet: Ray's name of it.
        host: The machine that it is on.
        num_cores: Cores that Ray may reserve there.
        num_cards: CUDA cards that Ray may reserve there.
        memory_mib: Memory that Ray may reserve there.
        cards: The cards that it sees, as they are now.
        memory: Its machine's memory, as it is now.
        versions: Of Python and of the packages that results depend on, by name.
        at_s: Its clock, in seconds.
    """

    raylet: str
    host: str
    num_cores: int
    num_cards: int
    memory_mib: float
    cards: tuple[Card, ...]
    memory: Card
    versions: dict[str, str]
    at_s: float


@dataclass(frozen=True)
class Question:
    """What a node is asked before it may train.

    Attributes:
        probe: Of the results folder; None where files travel.
        corpus: The corpus folder, as an absolute path; None asks about none.
        corpus_fingerprint: Of the corpus that the study is planned on.
        split_fingerprint: Likewise of its split.
        driver: The driver's host.
        scratch: Folder there for what travels; None where nothing does.
    """

    probe: Probe | None
    corpus: str | None
    corpus_fingerprint: str
    split_fingerprint: str
    driver: str
    scratch: str | None = None


def on_node(raylet: str) -> dict[str, str]:
    """Return the label selector by which Ray binds a task, an actor or a bundle to one node."""
    return {"ray.io/node-id": raylet}


def what_it_is(num_cores: int, memory_mib: float, cards: Sequence[Card]) -> str:
    """Return what a node gives, in words.

    >>> what_it_is(8, 16000, [Card("cuda", "NVIDIA L4", 24576, 22900)])
    '8 cores, 16000 MiB of memory, NVIDIA L4 (22900 MiB free)'
    """
    has = [f"{card.name} ({card.free_mib:.0f} MiB free)" for card in cards]
    parts = [f"{num_cores} cores", f"{memory_mib:.0f} MiB of memory", *(has or ["no card"])]
    return ", ".join(parts)


def own_versions() -> dict[str, str]:
    """Return the versions in this process."""
    return {"python": platform.python_version()} | {name: version(name) for name in VERSIONS}


def tell_facts(raylet: str, resources: dict[str, float]) -> NodeFacts:
    """Return what a node is; runs there.

    Args:
        raylet: Ray's name of it.
        resources: What it declares, by Ray's names.
    """
    num_cards = int(resources.get("GPU", 0))
    return NodeFacts(
        raylet=raylet,
        host=platform.node(),
        num_cores=int(resources.get("CPU", 0)),
        num_cards=num_cards,
        memory_mib=resources.get("memory", 0) / 2**20,
        cards=measure_cards(os.environ) if num_cards else (),
        memory=measure_card("cpu"),
        versions=own_versions(),
        at_s=time.time(),
    )


@dataclass(frozen=True)
class Greeting:
    """What a node answers.

    Attributes:
        facts: What it is.
        seen: What it found of the results folder; None if that was not asked.
        corpus_fault: A sentence about its corpus, or its scratch folder; None if that is right, or
            was not asked.
        lacks_corpus: Whether the corpus has to be copied there.
        scratch_free_mib: What is free in its scratch folder; None where nothing travels.
    """

    facts: NodeFacts
    seen: Seen | None = None
    corpus_fault: str | None = None
    lacks_corpus: bool = False
    scratch_free_mib: float | None = None


def greet(raylet: str, resources: dict[str, float], question: Question | None) -> Greeting:
    """Return what a node is and what it finds; runs there."""
    facts = tell_facts(raylet, resources)
    if question is None:
        return Greeting(facts)
    if question.scratch is not None:
        return _greet_staged(facts, question, Path(question.scratch))
    seen = None if question.probe is None else look(question.probe)
    if question.corpus is None:
        return Greeting(facts, seen)
    fault = corpus_refusal(
        question.corpus,
        question.corpus_fingerprint,
        question.split_fingerprint,
        platform.node(),
        question.driver,
    )
    return Greeting(facts, seen, fault)


def _greet_staged(facts: NodeFacts, question: Question, scratch: Path) -> Greeting:
    """Answer where files travel: nothing of the driver's has to be there."""
    try:
        check_scratch(scratch, facts.host)
    except UsageError as error:
        return Greeting(facts, corpus_fault=str(error))
    free_mib = shutil.disk_usage(scratch).free / 2**20
    if question.corpus is None:
        return Greeting(facts, scratch_free_mib=free_mib)
    place = find_corpus(
        Path(question.corpus), scratch, question.corpus_fingerprint, question.split_fingerprint
    )
    return Greeting(facts, lacks_corpus=place is None, scratch_free_mib=free_mib)
