"""Seeds for every reader: valid files as they are published, hostile ones put together piece by piece, and payloads."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_watch import SENTINEL, folder

from bigtheta.numerics.store import Store, checksum
from bigtheta.numerics.store import key as store_key
from bigtheta.theory.catalogue import CATALOGUE
from bigtheta.theory.hypotheses import hypothesis_source
from bigtheta.theory.law import laws
from bigtheta.theory.spec_text import spec_text
from bigtheta.verify.judge import judge
from bigtheta.verify.report.report import Entry, Report

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TOUCH = f"touch {SENTINEL}"
PAYLOADS = (
    f"__import__('os').system('{TOUCH}')",
    f"exec(\"open('{SENTINEL}','w')\")",
    f"(lambda: __import__('pathlib').Path('{SENTINEL}').touch())()",
    f"u.__class__.__base__.__subclasses__()[-1]('{SENTINEL}')",
    f"[c for c in ().__class__.__mro__[1].__subclasses__()]",  # noqa: F541
    f'sympify(\'__import__("os").system("{TOUCH}")\')',
    f"Symbol('n').subs('__import__(\"os\").system(\"{TOUCH}\")', 1)",
    f'lambdify((), \'__import__("os").system("{TOUCH}")\')()',
    "S('__import__(\"os\")')",
    f"{{{{ ''.__class__.__mro__[1].__subclasses__() }}}}{{% import os %}}",  # noqa: F541
    f"\\write18{{{TOUCH}}}\\input{{/etc/passwd}}",
    f"=cmd|'/c {TOUCH}'!A0",
    f"$({TOUCH})`{TOUCH}`; {TOUCH} #",
)
"""Text that would make the sentinel if anything ran it."""
NAMES = (
    "../../escaped", "/dev/shm/escaped", "..", ".", "a/b", "a\\b", "C:\\x", "nul", "a\0b", "a\nb", "a\r\nb: c",
    "<script>alert(1)</script>", "]]>--><svg onload=x>", "&lt;", "x" * 300, "x" * 5000, "\u202egnp.exe", "\u05d0\u05d1",
    "\ud800", "\udcff", "\x1b[31mred", "\x9b2J", "\x85", "\u2028", "\ufeff", "\u0300" * 40, "e\u0301", "-rf", " ", "",
    "CON", "README", "readme.md", "report.html", "~", "%2e%2e%2f", "${HOME}", "|ls", "*",
)  # fmt: skip
"""Names that a file, a terminal or a page could stumble over."""
NUMBERS = (
    "0", "-1", "1", "2", "0.5", "1e-9", "1e308", "1e400", "-0.0", "nan", "inf", "-inf", "9" * 30, "9" * 5000, "0x10",
    "1_0", "1j", "1e2500", "1e-2500", "007", "1/3", "10**9", "4294967296", "9223372036854775808", "\u0663", "\u00b2",
)  # fmt: skip


def idx(array: np.ndarray[Any, Any]) -> bytes:
    """An IDX file of unsigned bytes."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npz(**arrays: np.ndarray[Any, Any]) -> bytes:
    """An archive as numpy writes it."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def bomb(megabytes: int, *, count: int | None = None) -> bytes:
    """An archive of a few hundred kilobytes whose two arrays unpack to so many megabytes each."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in ("x", "y"):
            head = io.BytesIO()
            size = megabytes * 1_000_000 // (3072 if key == "x" else 1)
            shape = (size, 32, 32, 3) if key == "x" else (size,)
            np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
            with archive.open(f"{key}.npy", "w") as member:
                member.write(head.getvalue())
                for _ in range(megabytes):
                    member.write(bytes(1_000_000))
    return stream.getvalue()


def opcodes(rng: random.Random) -> bytes:
    """A pickle put together from opcodes: those of a batch, those that call and import, and lying lengths."""
    calls = [
        b"cos\nsystem\n", b"cposix\nsystem\n", b"c__builtin__\neval\n", b"cbuiltins\nexec\n", b"cnumpy\nndarray\n",
        b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy.core.multiarray\nscalar\n",
        b"\x8c\x02os\x8c\x06system\x93", b"(" + b"S'" + TOUCH.encode() + b"'\n" + b"ios\nsystem\n", b"cnumpy\nload\n",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n", b"c__main__\n__dict__\n", b"\x82\x01", b"P1\n", b"Q",
    ]  # fmt: skip
    text = TOUCH.encode()
    values = [
        b"X" + struct.pack("<I", len(text)) + text, b"U\x04data", b"U\x06labels", b"K\x01", b"M\x00\x0c", b"N", b"\x88",
        b"]", b"}", b")", b"(", b"C\x03abc", b"J\xff\xff\xff\xff", b"\x8a\x02\xff\x7f", b"T\xff\xff\xff\x7fab",
        b"G" * 9,
        b"B\x00\x00\x00\xff", b"\x95" + b"\xff" * 8, b"U\x02u1", b"I01\n", b"V\\u0000\n", b"\x8e" + b"\xff" * 8,
    ]  # fmt: skip
    actions = [b"\x85", b"\x86", b"\x87", b"R", b"b", b"t", b"l", b"d", b"s", b"u", b"a", b"e", b"q\x00", b"q\x01",
               b"h\x00", b"h\x01", b"\x94", b"2", b"0", b"1", b"o", b"\x81", b"\x92", b"r\xff\xff\xff\x7f"]  # fmt: skip
    parts = [rng.choice(rng.choice((calls, values, values, actions, actions))) for _ in range(rng.randrange(2, 24))]
    if rng.random() < 0.2:  # nested, and shared at each level
        parts += [b"K\x01q\x00", *(b"h\x00" * 2 + rng.choice((b"\x86q\x00", b"\x87q\x00")) for _ in range(40))]
    return rng.choice((b"", b"\x80\x02", b"\x80\x04")) + b"".join(parts) + rng.choice((b".", b"", b"s.", b"u."))


def _batch(count: int = 3, protocol: int = 2) -> bytes:
    table = {
        b"data": np.zeros((count, 3072), np.uint8),
        b"labels": [i % 10 for i in range(count)],
        b"batch_label": b"b",
    }
    return pickle.dumps(table, protocol=protocol)


def _report() -> bytes:
    rng = np.random.default_rng(0)
    entries = []
    for name, slope in (("rf-kernel", 0.5), ("peak-width", 0.0), ("ntk-even", 0.0), ("ntk-even", 1.0)):
        law = next(entry for entry in laws() if entry.name == name)
        few = slice(0, None if slope == 0.5 else 3)
        sizes = {key: values[few] for key, values in law.size_arrays.items()}
        samples = [size**slope * np.exp(0.1 * rng.standard_normal(8)) for size in sizes[law.sizes.variable]]
        control = law.controls[0] if slope == 1.0 else None
        found = judge(sizes, samples, law.statement, along=None if name == "peak-width" else law.sizes.variable)
        entries.append(Entry(law, law.activations[0], found, control))
    about = {"versions": {"python": "3"}, "seed": 0, "device": "cpu", "commit": None, "trials": 8, "wall_s": 1.0,
             "plugins": [{"name": "odd", "version": "1", "entry_points": ["bigtheta.laws: odd"]}]}  # fmt: skip
    return Report(tuple(entries), about).to_json().encode()


@cache
def _store() -> bytes:
    from fuzz_targets import trial

    with folder() as place:
        with Store(place / "s.sqlite") as store:
            store.put(store_key(trial()), trial(), {"value": 1.0, "status": "ok"}, seconds=0.1, versions="{}")
            store.put("other", trial(), {"value": float("inf")}, seconds=0.1, versions="{}")
        with closing(sqlite3.connect(place / "s.sqlite")) as base, base:
            base.execute("PRAGMA journal_mode=DELETE")
        return (place / "s.sqlite").read_bytes()


def hostile_stores(*more: str) -> list[bytes]:
    """Stores as they are written, then changed by SQL into what no run would have made; `more` is one more change."""
    from fuzz_targets import trial

    name = store_key(trial())
    rows = ("1", "[1]", "null", "{", '"\\ud800"', '{"value": "x"}', "", '{"value": 1e999}')
    changes = (
        *map(with_row, rows),
        "DELETE FROM meta", "DROP TABLE meta", "DROP TABLE trials", "DROP TABLE specs",
        "UPDATE meta SET value = ''", "UPDATE meta SET value = x'ff'", "UPDATE meta SET value = CAST(x'ff' AS TEXT)",
        f"UPDATE meta SET value = '{'9' * 5000}'", "UPDATE meta SET value = '2' || char(10) || char(27)",
        "UPDATE meta SET value = '\u00b2'", "UPDATE meta SET value = '1'", "UPDATE meta SET value = '-1'",
        "UPDATE trials SET row = x'ff'", "UPDATE trials SET row = CAST(x'ff' AS TEXT)", "UPDATE trials SET sum = NULL",
        "ALTER TABLE trials ADD COLUMN more", "CREATE INDEX i ON trials (row)", "CREATE TABLE other (x)",
        "CREATE TABLE sums AS SELECT * FROM trials; DROP TABLE trials; CREATE VIEW trials AS SELECT * FROM sums",
        "DROP TABLE meta; CREATE VIEW meta AS SELECT 'schema' AS name, '2' AS value",
        f"CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM trials; INSERT INTO meta VALUES ('{name}', 1); END",
        *more,
    )  # fmt: skip
    made = []
    for change in changes:
        with folder() as place:
            (place / "s.sqlite").write_bytes(_store())
            base = sqlite3.connect(place / "s.sqlite")
            base.executescript(change)
            base.close()
            made.append((place / "s.sqlite").read_bytes())
    return made


def with_row(row: str) -> str:
    """The change that puts a text where the row of the trial is, with the checksum that belongs to it."""
    from fuzz_targets import trial

    name = store_key(trial())
    return f"UPDATE trials SET row = '{row}', sum = {checksum(name, row)} WHERE key = '{name}'"


ENDLESS = (
    "DROP TABLE trials; CREATE VIEW trials AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
    "SELECT x AS key, x AS spec, x AS row, x AS versions, x AS sum FROM c",
    "CREATE TRIGGER t AFTER INSERT ON trials BEGIN INSERT INTO meta WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT "
    "x + 1 FROM c) SELECT x, x FROM c WHERE x < 0; END",
)
"""Changes of a store that take for ever, inside SQLite, where no clock of Python's can stop them."""


@cache
def corpus(name: str) -> tuple[bytes, ...]:
    """The seeds of a reader: the shipped laws and what they are made of, files as they are published, and payloads."""
    rng = random.Random(0)
    made: dict[str, Callable[[], list[bytes]]] = {
        "formula": lambda: [
            *(f"a{act}".encode() for act in (*CATALOGUE, "softplus(beta=2)", "u*tanh(u)", "max(u, 0) + sin(u)**2")),
            *(f"b{rule}".encode() for law in laws() for _, rule in law.path.given),
            *(f"c{law.statement}".encode() for law in laws()),
            *(f"d{hypothesis_source(h)}".encode() for law in laws() for h in law.hypotheses),
            b"ed=2*n, k=n**2/16",
            b"fn=100,200,400,800",
            b"jfloat64",
            b"jfloat32",
            b"hrandom-features",
            b'g{ kind = "covariance", spectrum = "i^(-1/2)" }',
            b'g{ kind = "dataset", name = "mnist", path = "x" }',
            b'h{ kind = "random-features", ridge = 0.1, weights = "small" }',
            b"gsphere",
            b"isqrt(n)*log(n)**2",
            *(f"{letter}{text}".encode("utf-8", "surrogatepass") for text in PAYLOADS + NAMES for letter in "acde"),
        ],
        "spec": lambda: [spec_text(law).encode() for law in laws()] + [(EXAMPLES / "my-bound.toml").read_bytes()],
        "csv": lambda: [
            b"n,value\n" + b"".join(f"{n},{n**0.5 + i}\n".encode() for n in (10, 20, 40, 80, 160) for i in range(3)),
            b"n,d,value,x\n10,20,1.5,a\n20,40,2.5,b\n40,80,3.5,c\n",
            b'"n","value"\n1,"1"\n',
            b"k;value\n1;2\n",
            b"n,value\n1,inf\n2,nan\n3,\n",
            b"n,n,value,value\n1,1,1,1\n",
            b"\xef\xbb\xbfn,value\n1,2\n",
        ],
        "idx": lambda: [
            b"z" + idx(np.zeros((2, 3, 4), np.uint8)),
            b"a" + idx(np.arange(5, dtype=np.uint8)),
            b"z" + gzip.compress(idx(np.zeros((2, 28, 28), np.uint8)), mtime=0),
            b"a" + gzip.compress(idx(np.arange(5, dtype=np.uint8)), mtime=0),
            b"z" + bytes([0, 0, 8, 3]) + b"\xff" * 12,
        ],
        "npz": lambda: [
            npz(x=np.zeros((2, 32, 32, 3), np.uint8), y=np.arange(2)),
            npz(x=np.zeros((1, 32, 32, 3), np.uint8), y=[3]),
            npz(x=np.zeros((0, 32, 32, 3), np.uint8), y=np.zeros(0, np.uint8)),
            npz(x=np.zeros(3)),
            bomb(1),
        ],
        "cifar": lambda: [*(_batch(2, protocol) for protocol in (2, 3, 4)), *(opcodes(rng) for _ in range(40))],
        "store": lambda: [_store(), *hostile_stores(), b""],
        "plugins": lambda: [
            b"[bigtheta.activations]\nbent = fuzz_good:bent\ntext = fuzz_good:text\nodd = fuzz_good:odd\n",
            b"[bigtheta.laws]\nbent = fuzz_good:law\nlaws = fuzz_good:laws\nmany = fuzz_good:many\n",
            b"[bigtheta.models]\nbent = fuzz_good:odd\nrf-kernel = fuzz_good:number\n",
            b"[bigtheta.activations]\nbent = fuzz_good:leaves\nrelu = fuzz_exit\nbent2 = fuzz_good:long [extra]\n",
            b"[bigtheta.activations]\nbent = fuzz_good:payload\n===\nName: odd\nVersion: 1\n===\nbent\n",
            b"[bigtheta.laws]\na = fuzz_missing\nb : fuzz_good:wide\n===\nName: \n\n===\nb/c\n",
        ],
        "plugin-file": lambda: [
            b"mine.py",
            b"/nowhere/mine.py",
            b"\0",
            b"a\nx = (\n",
            b"a\nx = '\0'\n",
            b"a\n\xff\xfe",
            b"a\n" + b"(" * 500,
            b"a\n# coding: latin-9x\n",
            b"a\n if:\n\t\x0c",
            *(f"{n}".encode("utf-8", "surrogatepass") for n in NAMES),
        ],
        "report": lambda: [_report(), b'{"schema": 1, "judgements": [], "provenance": {}}', b"[]", b"{}"],
    }
    return tuple(made[name]())
