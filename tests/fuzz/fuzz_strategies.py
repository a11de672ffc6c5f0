"""Inputs for every reader: grammars, and mutations that know the structure of what they change.

`mutated` changes a seed of `fuzz_seeds.corpus`; `inputs` is the hypothesis strategy of seeds and what becomes of them.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import zipfile
import zlib
from typing import Any

from fuzz_seeds import NAMES, NUMBERS, PAYLOADS, corpus, opcodes
from hypothesis import strategies as st

DICTIONARY = (
    *"+-*/^()[]{},.:;=<>!~'\"\\#$&|%@` \t\n\r\0", "**", "//", "<=", ">=", "==", "!=", ":=", "->", "...", "~(", "((",
    "if", "else", "lambda", "and", "or", "not", "in", "is", "for", "await", "yield", "None", "True", "f'{u}'", "b''",
    "sqrt(", "log(", "exp(", "abs(", "min(", "max(", "Max(", "sin(", "cos(", "tan(", "tanh(", "sinh(", "cosh(", "atan(",
    "erf(", "erfc(", "sign(", "heaviside(", "softplus(", "sigmoid(", "mu(", "Heaviside(", "u", "x", "n", "d", "k", "p",
    "lam", "pi", "e", "E", "i", "Theta(", "Omega(", "O(", "BigO(", "Limit(", "Peak(", "Theta~(", ", at=", "at=[1, 2]",
    "relu", "even", "odd", "softplus(beta=", "hermite(j=", "n=", "d=", "10,20,40", '{ kind = "', "spectrum", "float32",
)  # fmt: skip
LEAVES = ("u", "x", "n", "d", "k", "p", "lam", "pi", "e", "1", "2", "3", "7", "0", "1/2", "0.1", "10", "100", "mu(1)")
UNARY = ("sqrt", "log", "ln", "exp", "abs", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "erf", "erfc", "sign",
         "heaviside", "softplus", "sigmoid", "-", "+")  # fmt: skip


def formula(rng: random.Random, leaves: tuple[str, ...] = LEAVES, depth: int = 4) -> str:
    """A formula of the grammar, now and then with what is not in it."""
    roll = rng.random()
    if depth == 0 or roll < 0.25:
        return rng.choice(leaves) if rng.random() < 0.93 else rng.choice(NUMBERS + NAMES + PAYLOADS)
    inner = formula(rng, leaves, depth - 1)
    if roll < 0.55:
        return f"{inner}{rng.choice(('+', '-', '*', '/', '**', '^', ' * ', '/('))}{formula(rng, leaves, depth - 1)}"
    if roll < 0.8:
        return f"{rng.choice(UNARY)}({inner})"
    if roll < 0.88:
        return f"{rng.choice(('max', 'min', 'log', 'Max'))}({inner}, {formula(rng, leaves, depth - 1)})"
    return f"({inner})"


def line(rng: random.Random) -> str:
    """A text for one of the grammars: its letter, and what is nearly valid there."""
    which = rng.choice("abcdefghij")
    sizes = ("n", "d", "k", "n", "2", "3", "1/2", "100", "0.1")
    if which == "a":
        return "a" + formula(rng, ("u", "u", "x", "1", "2", "0.5", "3"))
    if which == "c":
        head, rate = rng.choice(("Theta", "Omega", "O", "Limit", "Theta~", "Peak", "BigO")), formula(rng, (*sizes, "p"))
        return f"c{head}({rate}{rng.choice((', at=1', ', at=[1, 2]', ', at=sqrt(2)')) if head == 'Peak' else ''})"
    if which == "d":
        return f"d{formula(rng, sizes, 3)} {rng.choice(('<=', '>=', '<', '>', '!=', '=='))} {formula(rng, sizes, 3)}"
    if which == "e":
        return f"ed={formula(rng, sizes, 3)}, k={formula(rng, sizes, 3)}"
    if which == "f":
        return f"f{rng.choice('ndkpx')}=" + ",".join(rng.choice(("10", "20", "40", *NUMBERS)) for _ in range(4))
    if which in "gh":
        seeds = [seed.decode() for seed in corpus("formula") if seed[:1] == which.encode()]
        return mutated_text(rng.choice(seeds), rng)
    return which + formula(rng, sizes)


# Mutations


def mutated_text(text: str, rng: random.Random) -> str:
    """Text with a few tokens put in, taken out, doubled or replaced."""
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 0, 1, 1, 2, 5, 20)))
        roll = rng.random()
        if roll < 0.45:
            new = rng.choice(DICTIONARY)
        elif roll < 0.6:
            new = rng.choice(NUMBERS)
        elif roll < 0.7:
            new = rng.choice(NAMES + PAYLOADS)
        elif roll < 0.8:
            new = formula(rng, depth=2)
        elif roll < 0.9:
            new = text[at:end] * rng.choice((2, 3, 100))
        else:
            new = ""
        text = text[:at] + new + text[end:]
    return text


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes with a few flipped, overwritten by extreme numbers, moved, doubled or cut."""
    content = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(content) + 1)
        roll = rng.random()
        if roll < 0.35 and at < len(content):
            content[at] = rng.randrange(256)
        elif roll < 0.55:
            number = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, rng.randrange(2**16)))
            kind = rng.choice((">I", "<I", ">Q", "<Q", ">H", "<H"))
            raw = struct.pack(kind, number % 256 ** struct.calcsize(kind))
            content[at : at + len(raw)] = raw
        elif roll < 0.7:
            del content[at : at + rng.randrange(1, 9)]
        elif roll < 0.8:
            content[at:at] = content[at : at + rng.randrange(1, 65)]
        elif roll < 0.9:
            del content[at:]
        else:
            content[at:at] = rng.randbytes(rng.randrange(1, 9))
    return bytes(content)


def mutated_json(data: bytes, rng: random.Random) -> bytes:
    """JSON with a few of its values replaced by hostile ones, doubled or left out."""
    try:
        content = json.loads(data)
    except ValueError:
        return mutated_bytes(data, rng)
    for _ in range(rng.choice((1, 1, 2, 5))):
        where, key = content, rng.choice(_keys(content) or [None])
        while key is not None and _keys(where[key]) and rng.random() < 0.85:
            where = where[key]
            key = rng.choice(_keys(where))
        if key is None:
            break
        roll = rng.random()
        if roll < 0.15 and isinstance(where, dict):
            del where[key]
        elif roll < 0.25 and isinstance(where, list):
            where.append(where[key])
        elif roll < 0.35:
            where[key] = json.loads(json.dumps(where[rng.choice(_keys(where))]))
        elif roll < 0.8:
            where[key] = _alike(where[key], rng)
        else:
            where[key] = rng.choice(
                (None, True, -1, 0, 1e308, -1e-320, 10**18, 2**70, 0.5, "", [], {}, [[]], [None], {"n": 1}, "1", "n",
                 rng.choice(NAMES), rng.choice(PAYLOADS), rng.choice(NAMES), mutated_text(str(where[key])[:300], rng),
                 {rng.choice(NAMES): rng.choice(NAMES)}, [rng.choice(NAMES)] * 3, r"\frac{1}{n}", "\\sqrt[3]{x}_1^2")
            )  # fmt: skip
    text = json.dumps(content)
    return text.encode() if rng.random() < 0.95 else mutated_bytes(text.encode(), rng)


def _alike(value: object, rng: random.Random) -> object:
    """Another value of the same type, or null."""
    if rng.random() < 0.15:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return rng.choice(
            (rng.choice(NAMES), rng.choice(PAYLOADS), mutated_text(value[:300], rng), formula(rng), "n", "k")
        )
    if isinstance(value, int | float):
        return rng.choice((0, -1, 1, 2.5, -0.0, 1e308, -1e308, 5e-324, 10**15, 2**63, -(2**63), value * 2, -value))
    if isinstance(value, list):
        return rng.choice(([], value[:1], value[::-1], value * 2, value[1:]))
    if isinstance(value, dict):
        return rng.choice(
            ({}, {key: None for key in value}, {rng.choice((*NAMES, "n", "k")): v for v in value.values()})
        )
    return rng.choice((0, 0.5, "", rng.choice(NAMES), [], {}, True, 1e300))


def _keys(value: object) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []


def mutated_spec(data: bytes, rng: random.Random) -> bytes:
    """A spec with a value of one line replaced by another of the grammar, or by a hostile one."""
    text = data.decode("utf-8", "surrogateescape")
    if rng.random() < 0.3:
        return mutated_text(text, rng).encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")
    rows = text.splitlines()
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(rows) + 1)
        key = (
            rows[at].partition(" = ")[0] if at < len(rows) else rng.choice(("model", "limit", "labels", "more", "path"))
        )
        kind = rng.choice(("gaussian", "mnist", "signs", "lipschitz-lower", "both-layers", "operator-norm"))
        word = rng.choice((formula(rng, depth=3), line(rng)[1:], rng.choice(NAMES), rng.choice(PAYLOADS), kind))
        quoted = json.dumps(word, ensure_ascii=rng.random() < 0.5)
        value = rng.choice((quoted, quoted, quoted, f"[{quoted}]", f"{{ kind = {quoted} }}", f"{{ d = {quoted} }}",
                            f"{{ n = [10, 20, {rng.choice(NUMBERS)}] }}", rng.choice(NUMBERS), "true", "1979-05-27",
                            f"{{ d = {quoted}, k = {quoted} }}", "{ n = [10, 20, 40, 80] }", "[" * 200))  # fmt: skip
        rows[at : at + 1] = [f"{key} = {value}"] if rng.random() < 0.9 else []
    return "\n".join(rows).encode("utf-8", "replace")


def mutated_archive(data: bytes, rng: random.Random) -> bytes:
    """An archive whose members are changed and packed anew, so that the sums are right; or its bytes changed."""
    if rng.random() < 0.4:
        return mutated_bytes(data, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name)[:20_000] for name in archive.namelist()[:4]}
    except Exception:
        return mutated_bytes(data, rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))) as new:
        for name, content in members.items():
            head, body = content[:128], content[128:]
            if rng.random() < 0.7:
                old = head.decode("latin-1")
                head = (mutated_text(old, rng) if rng.random() < 0.5 else _header(old, rng)).encode(
                    "latin-1", "replace"
                )
            name = name if rng.random() < 0.95 else rng.choice(("x", "../x.npy", "y.npy"))
            if name not in new.namelist():
                new.writestr(zipfile.ZipInfo(name), head + body, new.compression)
    return stream.getvalue()


def _header(text: str, rng: random.Random) -> str:
    """The header of an .npy file, with another dtype or shape, of the same length where there is room."""
    kinds = ("<i8", "|O", "|u1", "<f8", "<U9", "[('a', 'i4')]", ">u8", "|V9999999999", PAYLOADS[0], "M8[s]", "|S0")
    shapes = (
        "()",
        "(0,)",
        "(-1,)",
        "(9999999999,)",
        "(2, 32, 32, 3)",
        "(2,)",
        "(1e9,)",
        "((2,),)",
        "(True,)",
        "(2**62,)",
    )
    start = text.find("{")
    new = f"{{'descr': '{rng.choice(kinds)}', 'fortran_order': {rng.choice(('True', 'False', '0'))}, "
    new += f"'shape': {rng.choice(shapes)}, }}"
    return text[: max(start, 0)] + new.ljust(max(0, len(text) - start - 1)) + "\n"


def mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    """Another input for a reader, from one."""
    if name == "formula" and rng.random() < 0.5:
        return line(rng).encode("utf-8", "surrogatepass")
    if name == "cifar" and rng.random() < 0.4:
        return opcodes(rng)
    if name == "idx" and data[1:3] == b"\x1f\x8b" and rng.random() < 0.5:
        try:
            return data[:1] + gzip.compress(mutated_bytes(gzip.decompress(data[1:])[:100_000], rng), mtime=0)
        except (OSError, EOFError, zlib.error):
            return mutated_bytes(data, rng)
    if name in ("formula", "csv", "plugins", "plugin-file") and rng.random() < 0.8:
        return mutated_text(data.decode("utf-8", "surrogateescape"), rng).encode("utf-8", "surrogatepass")
    change = {"spec": mutated_spec, "report": mutated_json, "npz": mutated_archive}.get(name, mutated_bytes)
    return change(data, rng)


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Seeds of a reader, mutated once or a few times; now and then any bytes at all."""
    seeds = st.sampled_from(corpus(name))
    one = st.builds(lambda data, seed: mutated(name, data, random.Random(seed)), seeds, st.integers(0, 2**64 - 1))
    more = st.builds(lambda data, seed: mutated(name, data, random.Random(seed)), one, st.integers(0, 2**64 - 1))
    return st.one_of(seeds, one, one, more, st.binary(max_size=300))
