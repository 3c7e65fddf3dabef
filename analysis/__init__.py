"""From Parquet tables to the report. Sees only `tune.tables`; never torch or ray."""
