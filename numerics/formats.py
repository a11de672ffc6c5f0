"""Reading image files from bytes that nobody vouches for: IDX, npz, and the pickles of CIFAR-10, which are never run.

Every reader returns unsigned bytes of the shape the file declares, or raises InvalidInputError with the file's name.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import struct
import zipfile
import zlib
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bigtheta.theory.errors import InvalidInputError

__all__ = ["MAX_BYTES", "read_batch", "read_idx", "read_npz"]

MAX_BYTES = 200_000_000
"""Of a file, and of what it unpacks to."""

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def read_idx(content: bytes, name: str, *, axes: int) -> Bytes:
    """Return the array of an IDX file of unsigned bytes with so many axes, gzipped or not.

    Raises:
        InvalidInputError: for a wrong magic number, a truncated file, or bytes after the end.

    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "labels", axes=1)
    array([7, 9], dtype=uint8)
    """
    if content[:2] == b"\x1f\x8b":
        content = _gunzip(content, name)
    magic = bytes([0, 0, 8, axes])
    if content[:4] != magic:
        raise InvalidInputError(
            f"{name}: expected an IDX file of {axes} axes, magic {magic.hex()}, but got {content[:4].hex() or None}"
        )
    head = 4 + 4 * axes
    if len(content) < head:
        raise InvalidInputError(f"{name}: truncated, {len(content)} bytes do not hold the header of {head}")
    shape = struct.unpack(f">{axes}I", content[4:head])
    if len(content) - head != math.prod(shape) or not _is_possible(shape):
        raise InvalidInputError(
            f"{name}: expected {math.prod(shape)} bytes of data for shape {shape} but got {len(content) - head}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(shape)


def _is_possible(shape: tuple[int, ...]) -> bool:
    """Whether numpy can hold the shape: an empty array has no bytes, however large its other sizes are."""
    return math.prod(size or 1 for size in shape) <= MAX_BYTES


def _gunzip(content: bytes, name: str) -> bytes:
    decoder = zlib.decompressobj(wbits=31)
    try:
        data = decoder.decompress(content, MAX_BYTES + 1)
    except zlib.error as error:
        raise InvalidInputError(f"{name}: not a gzip file: {error}") from error
    if len(data) > MAX_BYTES:
        raise InvalidInputError(f"{name}: unpacks to more than {MAX_BYTES} bytes")
    if not decoder.eof:
        raise InvalidInputError(f"{name}: truncated, the gzip stream does not end")
    return data


def read_npz(content: bytes, name: str) -> tuple[Bytes, Labels]:
    """Return images `x` (m, 32, 32, 3) of an .npz archive as (m, 3, 32, 32), and its labels `y` (m,).

    Raises:
        InvalidInputError: for anything else.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            left = MAX_BYTES
            for key in ("x", "y"):
                if f"{key}.npy" not in archive.namelist():
                    raise InvalidInputError(f"{name}: expected an .npz archive with x and y but it has no {key}.npy")
                info = archive.getinfo(f"{key}.npy")
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise InvalidInputError(f"{name}: {key} is packed in a way that numpy does not write")
                if info.file_size > left:
                    raise InvalidInputError(f"{name}: {key} unpacks to more than {MAX_BYTES} bytes")
                with archive.open(info) as member:
                    content = member.read(left + 1)
                left -= len(content)
                arrays[key] = _read_npy(content, f"{name}: {key}")
    except InvalidInputError:
        raise
    except Exception as error:  # a damaged archive can raise nearly anything
        raise InvalidInputError(f"{name}: not an .npz archive: {_first_line(error)}") from error
    x, y = arrays["x"], arrays["y"]
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != (32, 32, 3):
        raise InvalidInputError(f"{name}: expected x of shape (m, 32, 32, 3), uint8, but got {x.shape}, {x.dtype}")
    return x.transpose(0, 3, 1, 2), _checked_labels(y, len(x), name)


def _read_npy(content: bytes, name: str) -> npt.NDArray[Any]:
    """An array of whole numbers from the bytes of an .npy file; np.load would trust the shape in its header."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except Exception as error:  # numpy parses the header as Python source and lets its errors through
        raise InvalidInputError(f"{name}: not an .npy array: {_first_line(error)}") from error
    if dtype.kind not in "iu":
        raise InvalidInputError(f"{name}: expected whole numbers but got dtype {dtype}")
    start = stream.tell()
    whole = all(type(size) is int and size >= 0 for size in shape)
    if not whole or not _is_possible(shape) or len(content) - start != math.prod(shape) * dtype.itemsize:
        raise InvalidInputError(f"{name}: {len(content) - start} bytes do not hold shape {shape} of {dtype}")
    flat = np.frombuffer(content, dtype=dtype, offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _checked_labels(labels: Any, count: int, name: str) -> Labels:
    plain = isinstance(labels, list) and all(type(label) is int and 0 <= label < 256 for label in labels)
    if not plain and not (isinstance(labels, np.ndarray) and labels.dtype.kind in "iu"):
        raise InvalidInputError(f"{name}: expected labels that are whole numbers")
    if np.shape(labels) != (count,):
        raise InvalidInputError(f"{name}: expected a label for each of {count} images but got {np.shape(labels)}")
    return np.asarray(labels).astype(np.int64)


_OPCODES = {
    "PROTO", "STOP", "MARK", "FRAME", "NONE", "EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "DICT", "LIST", "TUPLE",
    "TUPLE1", "TUPLE2", "TUPLE3", "SETITEM", "SETITEMS", "APPEND", "APPENDS", "BINPUT", "LONG_BINPUT", "MEMOIZE",
    "BINGET", "LONG_BINGET", "BININT", "BININT1", "BININT2", "LONG1", "NEWTRUE", "NEWFALSE", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINUNICODE", "SHORT_BINUNICODE", "GLOBAL", "STACK_GLOBAL",
    "REDUCE", "BUILD",
}  # fmt: skip
_MAX_MEMO = 1_000_000
_MEMO_PUT, _MEMO_GET = ("BINPUT", "LONG_BINPUT", "MEMOIZE"), ("BINGET", "LONG_BINGET")
_ATOMS = {
    "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1",
    "BININT2", "LONG1", "GLOBAL", "STACK_GLOBAL", "REDUCE",
}  # fmt: skip
"""What may be used again: no table, list or tuple, which could hold itself, or another twice and so on 2^40 times."""


class _Dtype:
    """Stands for numpy.dtype: remembers what it is called with, and does nothing."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        pass


class _Array:
    """Stands for an array under reconstruction: remembers its state, and does nothing."""

    state: Any = None

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Builds dict, list, tuple, str, bytes, int and inert stand-ins; imports and calls nothing that a pickle names."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of one of the three names that an array needs."""
        known: dict[tuple[str, str], Any] = {("numpy", "ndarray"): _Array, ("numpy", "dtype"): _Dtype}
        for place in ("numpy.core.multiarray", "numpy._core.multiarray"):
            known[place, "_reconstruct"] = _Array
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch needs")
        return known[module, name]


def read_batch(content: bytes, name: str) -> tuple[Bytes, Labels]:
    """Return images (m, 3, 32, 32) and labels (m,) of one CIFAR-10 batch, without running its pickle.

    Raises:
        InvalidInputError: for a pickle that holds anything else than plain data and arrays of bytes, or is damaged.
    """
    try:
        _check_opcodes(content, name)
        table = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except InvalidInputError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise InvalidInputError(f"{name}: not a CIFAR-10 batch: {_first_line(error)}") from error
    if not isinstance(table, dict):
        raise InvalidInputError(f"{name}: expected a table with data and labels but got {type(table).__name__}")
    data, labels = (table.get(key.encode(), table.get(key)) for key in ("data", "labels"))
    pixels = _pixels(data, name)
    return pixels, _checked_labels(labels, len(pixels), name)


def _check_opcodes(content: bytes, name: str) -> None:
    """Refuse a pickle with an opcode that no batch needs, or one that uses a table, list or tuple twice."""
    kept: dict[int, bool] = {}
    before = ""
    for opcode, argument, _ in pickletools.genops(content):
        said = opcode.name
        if said in _MEMO_PUT:
            kept[len(kept) if said == "MEMOIZE" else cast(int, argument)] = before in _ATOMS
        shared = said in _MEMO_GET and not kept.get(cast(int, argument), True)
        if said not in _OPCODES or shared or (said == "LONG_BINPUT" and cast(int, argument) > _MAX_MEMO):
            tail = " of a table, list or tuple" if shared else ""
            raise InvalidInputError(f"{name}: refused, its pickle uses {said}{tail}, which no batch needs")
        before = said


def _pixels(data: Any, name: str) -> Bytes:
    """The array that a stand-in remembers: state (version, shape, dtype, fortran, bytes)."""
    state = data.state if isinstance(data, _Array) else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise InvalidInputError(f"{name}: expected data as an array of bytes")
    _, shape, dtype, fortran, raw = state
    code = dtype.args[0] if isinstance(dtype, _Dtype) and dtype.args else None
    good = isinstance(shape, tuple) and len(shape) == 2 and all(type(size) is int for size in shape)
    if code not in ("u1", b"u1") or not good or fortran or shape[1] != 3072 or not isinstance(raw, bytes):
        raise InvalidInputError(f"{name}: expected data of shape (m, 3072), uint8, but got {shape!r:.80}, {code!r:.20}")
    if len(raw) != shape[0] * shape[1]:
        raise InvalidInputError(f"{name}: {len(raw)} bytes do not hold data of shape {shape}")
    return np.frombuffer(raw, dtype=np.uint8).reshape(shape[0], 3, 32, 32)
