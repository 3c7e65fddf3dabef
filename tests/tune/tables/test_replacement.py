import io
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.tables.replacement import replace_parquet

lengths = st.lists(st.integers(0, 300), min_size=1, max_size=6)


@cache
def make_table(length: int) -> pa.Table:
    """Random values, so that no two tables and no two lengths have the same bytes."""
    values = np.random.default_rng(length).normal(size=length)
    return pa.table({"value": values, "name": pa.array(map(str, values), pa.string())})


def split_footer(content: bytes) -> tuple[bytes, bytes]:
    length = 8 + int.from_bytes(content[-8:-4], "little")
    return content[:-length], content[-length:]


@given(lengths)
def test_the_file_has_the_rows_of_the_last_replacement(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    for length in lengths:
        replace_parquet(path, make_table(length))
        assert pq.read_table(path).equals(make_table(length))


@given(lengths)
def test_the_footer_of_the_replaced_file_finds_its_rows_in_the_new_one(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    path = tmp_path_factory.mktemp("tables") / "table.parquet"
    replace_parquet(path, make_table(77))
    for before, after in zip([77, *lengths], lengths, strict=False):
        _, old_footer = split_footer(path.read_bytes())
        replace_parquet(path, make_table(after))
        new_rows, _ = split_footer(path.read_bytes())
        seen = pq.read_table(io.BytesIO(new_rows + old_footer))
        assert seen.equals(make_table(before))


def test_a_growing_file_stays_within_four_times_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    for length in range(240, 300):
        replace_parquet(path, make_table(length))
    alone = tmp_path / "alone.parquet"
    pq.write_table(make_table(299), alone)
    assert path.stat().st_size < 4 * alone.stat().st_size


def test_a_failed_replacement_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.parquet"
    replace_parquet(path, make_table(5))

    def fail(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="no space"):
        replace_parquet(path, make_table(6))
    assert list(tmp_path.iterdir()) == [path]
    assert pq.read_table(path).num_rows == 5
