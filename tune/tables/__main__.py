"""`python -m tune.tables` prints docs/TABLES.md."""

import sys

from tune.tables.docs import describe_tables

sys.stdout.write(describe_tables())
