"""Rules beside the limits of each setting; those of flags are in `test_search`."""

import pytest

from data.stamp import CorpusStamp
from tune.config.rules import check_same_corpus
from tune.errors import UsageError

FOUND = CorpusStamp(
    is_synthetic=False, corpus="s1", corpus_fingerprint="c1", split_fingerprint="s1"
)


def test_the_corpus_that_was_planned_on_is_accepted():
    check_same_corpus("c1", "s1", FOUND, "corpus/s1")


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        (
            ("c0", "s1"),
            "the promotion of a keeps its corpus, planned with fingerprint c0, found c1",
        ),
        (("c1", "s0"), "the promotion of a keeps its split, planned with fingerprint s0, found s1"),
        (
            ("c0", "s0"),
            "the promotion of a keeps its corpus, planned with fingerprint c0, found c1",
        ),
    ],
)
def test_another_one_is_refused_with_both_fingerprints(planned, words):
    with pytest.raises(UsageError, match=words + " in 'corpus/s1': use the old one"):
        check_same_corpus(
            *planned, FOUND, "corpus/s1", who="the promotion of a", next_step="use the old one"
        )
