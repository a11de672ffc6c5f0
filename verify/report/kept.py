"""A law as report.json keeps it: the table of a spec file, with what a spec file has no field for.

It is read back only when asked for, so that reading a report evaluates no formula of its laws.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import msgspec
import sympy

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.law import Law, Paper
from bigtheta.theory.options import convert
from bigtheta.theory.spec import law_from_spec
from bigtheta.theory.spec_text import spec_fields
from bigtheta.theory.statement import Statement

__all__ = ["KeptLaw", "law_table"]

_BESIDE = ("paper", "theorem", "note")
"""What a law has and a spec file has not."""
_FLOATS = "floats"
"""The floats of statements, which the text of a spec would make fractions: decimal -> mantissa, exponent, bits."""
_DECIMAL = re.compile(r"-?\d{1,60}(\.\d{1,60})?(e[+-]?\d{1,3})?")
_MOST_BITS, _MOST_EXPONENT = 1000, 5000


def law_table(law: Law) -> dict[str, Any]:
    """Return a law as report.json keeps it: the fields of a spec file, controls among them, and `paper` and the like.

    >>> from bigtheta.theory.law import law
    >>> entry = law("bombari2023/ntk-even")
    >>> KeptLaw(law_table(entry)).law == entry
    True
    """
    table = spec_fields(law)
    controls = [
        {
            "because": control.because,
            "activation": None
            if control.activation is None
            else str(getattr(control.activation, "name", control.activation)),
            "statement": None if control.statement is None else str(control.statement),
        }
        for control in law.controls
    ]
    table |= {"controls": controls} if controls else {}
    table |= {name: value for name in ("theorem", "note") if (value := getattr(law, name))}
    if floats := {str(number): _bits(number) for claim in _claims(law) for number in claim.formula.atoms(sympy.Float)}:
        table["floats"] = floats
    if law.paper is not None:
        table["paper"] = {f.name: getattr(law.paper, f.name) for f in fields(law.paper)}
    found: dict[str, Any] = msgspec.to_builtins(table)
    return found


@dataclass(frozen=True)
class KeptLaw:
    """What report.json keeps of a law.

    Attributes:
        table: see `law_table`; None in a report of a version that kept none.
    """

    table: Mapping[str, Any] | None

    @cached_property
    def law(self) -> Law:
        """The law itself.

        Raises:
            InvalidInputError: if the report kept none, or it cannot be read here, as without the plugin of its model.
        """
        if self.table is None:
            raise InvalidInputError(
                "law: expected a report that keeps its laws but got one of an older version; `facts` holds what it "
                "says of them, or judge them anew"
            )
        spec = {name: value for name, value in self.table.items() if name not in (*_BESIDE, _FLOATS)}
        try:
            entry = law_from_spec({"law": spec})
            given = {f.name: getattr(entry, f.name) for f in fields(entry)}
            beside = convert({name: self.table[name] for name in _BESIDE if name in self.table}, _Beside, "law")
            floats = convert(self.table.get(_FLOATS, {}), dict[str, tuple[int, int, int]], "law.floats")
            numbers = dict(_float(text, bits) for text, bits in floats.items())
            given["statement"] = _with(entry.statement, numbers)
            given["controls"] = tuple(
                control if control.statement is None else replace(control, statement=_with(control.statement, numbers))
                for control in entry.controls
            )
            return Law(**(given | {name: getattr(beside, name) for name in _BESIDE}))
        except InvalidInputError as error:
            raise InvalidInputError(f"the law that the report keeps cannot be read here: {error}") from error


class _Beside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paper: Paper | None = None
    theorem: str = ""
    note: str = ""


def _claims(law: Law) -> Iterator[Statement]:
    """The statements of a law and of its controls."""
    yield law.statement
    yield from (control.statement for control in law.controls if control.statement is not None)


def _bits(number: Any) -> tuple[int, int, int]:
    """A float as (m, e, bits): m 2^e."""
    sign, mantissa, exponent, _ = number._mpf_
    return (-int(mantissa) if sign else int(mantissa)), int(exponent), int(number._prec)


def _float(text: str, bits: tuple[int, int, int]) -> tuple[Any, Any]:
    """The fraction that a decimal is read as, and the float that it stands for."""
    mantissa, exponent, precision = bits
    if not _DECIMAL.fullmatch(text) or abs(exponent) > _MOST_EXPONENT or not 0 < precision <= _MOST_BITS:
        raise InvalidInputError(
            f"law.floats: expected a decimal with mantissa, exponent and bits but got {text[:80]!r}"
        )
    exact = sympy.Integer(mantissa) * sympy.Integer(2) ** exponent
    return sympy.Rational(text), sympy.Float(exact, precision=precision)


def _with(statement: Statement, numbers: Mapping[Any, Any]) -> Statement:
    """A statement with some of its fractions as floats again."""
    used = {number: numbers[number] for number in statement.formula.atoms(sympy.Rational) if number in numbers}
    return replace(statement, formula=statement.formula.xreplace(used)) if used else statement
