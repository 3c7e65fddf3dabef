"""All tables by name, and their version.

Plain values without any library, so that a page or a test can read them; `tune.tables` writes and
reads the files. A change of a column is a new SCHEMA_VERSION and a line in the changelog.
"""

from collections.abc import Mapping

from tune.tables.columns import TableSchema
from tune.tables.promotion import BOUNDS, CODECS, PICTURES, RUNS, TEST, VALIDATION, VERDICTS
from tune.tables.replay import REPLAY_CURVES, REPLAYS
from tune.tables.search import EPOCHS, REFERENCES, RUNGS, TRIALS
from tune.tables.space import DIMENSIONS, IMPORTANCE

SCHEMA_VERSION = 3

SCHEMAS: Mapping[str, TableSchema] = {
    schema.name: schema
    for schema in (
        TRIALS,
        EPOCHS,
        RUNGS,
        REFERENCES,
        DIMENSIONS,
        IMPORTANCE,
        REPLAYS,
        REPLAY_CURVES,
        RUNS,
        VALIDATION,
        VERDICTS,
        TEST,
        CODECS,
        BOUNDS,
        PICTURES,
    )
}
"""Every table by name."""
