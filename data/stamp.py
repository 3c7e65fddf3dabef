"""Which corpus something was made from: what scores must share to be compared."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class CorpusStamp:
    """The identity of a corpus; real ones come before synthetic ones.

    Attributes:
        is_synthetic: Whether its pixels are generated.
        corpus: Its name.
        corpus_fingerprint: Of sources, options and split.
        split_fingerprint: Of which patch, with which content, is in which split.
    """

    is_synthetic: bool
    corpus: str
    corpus_fingerprint: str
    split_fingerprint: str
