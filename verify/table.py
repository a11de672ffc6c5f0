"""Samples from a table: a frame or CSV file with a row a sample becomes sizes and samples by cell."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from bigtheta.theory.errors import InvalidInputError, unknown_name
from bigtheta.theory.scale import SIZES

__all__ = ["read_table"]

MAX_BYTES = 100_000_000
"""Of a file, and of what it unpacks to."""


def read_table(
    table: pd.DataFrame | str | Path, *, value: str = "value"
) -> tuple[dict[str, list[float]], list[np.ndarray[tuple[int], np.dtype[np.float64]]]]:
    """Return the sizes of each cell by name and the samples of each cell, cells in order of their first row.

    Columns named n, d, k or p are sizes; `value` holds the samples; other columns are not read.

    Raises:
        InvalidInputError: if the file cannot be read, has no column of sizes or no column `value`, or one that is not
            of numbers.

    >>> frame = pd.DataFrame({"n": [10, 10, 20], "value": [1.0, 1.1, 2.0]})
    >>> sizes, samples = read_table(frame)
    >>> sizes, [cell.tolist() for cell in samples]
    ({'n': [10.0, 20.0]}, [[1.0, 1.1], [2.0]])
    """
    frame = table if isinstance(table, pd.DataFrame) else _read(Path(table))
    names = [name for name in SIZES if name in frame.columns]
    if not names:
        raise InvalidInputError(
            f"table: expected a column for each size, of {', '.join(SIZES)}, but got {_columns(frame)}"
        )
    if value not in frame.columns:
        raise unknown_name("column of samples", value, map(str, frame.columns))
    numbers = {}
    for name in (*names, value):
        try:
            column = pd.to_numeric(frame[name], errors="coerce")
        except OverflowError as error:
            raise InvalidInputError(f"table: column {name} has a number too large for any computer") from error
        if (bad := frame[name][column.isna() & frame[name].notna()]).size:
            raise InvalidInputError(f"table: expected numbers in column {name} but got {bad.iloc[0]!r}")
        if name != value and column.isna().any():
            raise InvalidInputError(f"table: a row has no {name}; give every row its sizes")
        numbers[name] = column.astype(float)
    if frame.empty:
        raise InvalidInputError("table: expected a row a sample but got none")
    groups = pd.DataFrame(numbers).groupby(names, sort=False)[value]
    keys = [np.atleast_1d(np.asarray(key, dtype=np.float64)) for key, _ in groups]
    sizes = {name: [float(key[i]) for key in keys] for i, name in enumerate(names)}
    return sizes, [cell.to_numpy() for _, cell in groups]


def _read(file: Path) -> pd.DataFrame:
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InvalidInputError(f"table: {str(file)!r} holds more than {MAX_BYTES} bytes; leave columns out")
        return pd.read_csv(io.BytesIO(content), skipinitialspace=True, low_memory=False)
    except InvalidInputError:
        raise
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidInputError(
            f"table: expected a CSV file with columns such as n, value but {str(file)!r} cannot be read: {reason}"
        ) from error


def _columns(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns)) or "no columns"
