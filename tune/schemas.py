"""All tables by name, and their version.

Plain values without any library, so that a page or a test can read them; `tune.tables` writes and
reads the files. A change of a column is a new SCHEMA_VERSION and a line in the changelog.
"""

from collections.abc import Mapping

from tune.columns import Column, TableSchema
from tune.promotion_schemas import CODECS, PICTURES, RUNS, TEST, VALIDATION, VERDICTS
from tune.search_schemas import DIMENSIONS, IMPORTANCE
from tune.study_schemas import EPOCHS, REFERENCES, RUNGS, TRIALS

__all__ = ["SCHEMAS", "SCHEMA_VERSION", "Column", "TableSchema"]

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
        RUNS,
        VALIDATION,
        VERDICTS,
        TEST,
        CODECS,
        PICTURES,
    )
}
"""Every table by name."""
