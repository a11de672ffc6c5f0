"""Laws of the inputs x in R^d, each also a table of a spec file; nothing is drawn here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt
import sympy

from bigtheta.theory.errors import InvalidInputError, unknown_name, whole_number
from bigtheta.theory.expression import parse_expression
from bigtheta.theory.options import Kind, by_kind, check_size, read_kind

__all__ = ["DATASETS", "Covariance", "Cube", "Dataset", "Gaussian", "Inputs", "Laplace", "Sphere", "inputs"]

DATASETS: Mapping[str, int] = {"mnist": 28 * 28, "cifar10": 3 * 32 * 32, "digits": 8 * 8}
"""Images that can be read, and how many pixels each has."""
_MOST_DIMENSIONS = 1_000_000
NORMALISATIONS = {"none": "not normalised", "sphere": "|x| = 1", "mean": "E|x|^2 = 1"}


class Inputs(Kind, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"):
    """Law of the inputs x in R^d. All but a dataset are scaled so that E|x|^2 = 1."""

    @property
    def words(self) -> str:
        """The law as a report says it."""
        return self.kind

    @property
    def dimension(self) -> int | None:
        """The only d there is, None where every d will do."""
        return None

    def check(self, dimension: int) -> None:
        """Refuse inputs that do not exist in R^d."""


class Sphere(Inputs, frozen=True, kw_only=True, tag="sphere"):
    """Uniform on the unit sphere S^{d-1}."""


class Gaussian(Inputs, frozen=True, kw_only=True, tag="gaussian"):
    """N(0, I_d / d)."""


class Cube(Inputs, frozen=True, kw_only=True, tag="cube"):
    """Uniform on the cube [-sqrt(3/d), sqrt(3/d)]^d."""


class Laplace(Inputs, frozen=True, kw_only=True, tag="laplace"):
    """Independent coordinates of density exp(-|t|/b)/(2b), b = 1/sqrt(2d)."""


class Covariance(Inputs, frozen=True, kw_only=True, tag="covariance"):
    """N(0, diag(s)/sum(s)): a Gaussian with any spectrum s_1 ... s_d, scaled to trace 1.

    Args:
        spectrum: a formula in i = 1..d and d, or d numbers; all >= 0, one > 0.

    Raises:
        InvalidInputError: for a formula that does not parse, or a number below 0 or not finite.

    >>> Covariance(spectrum="i^(-1)").eigenvalues(3).round(4)
    array([0.5455, 0.2727, 0.1818])
    """

    spectrum: str | tuple[float, ...] = "1"

    def __post_init__(self) -> None:
        if isinstance(self.spectrum, str):
            _spectrum(self.spectrum)
            return
        if not isinstance(self.spectrum, Iterable) or not (numbers := tuple(self.spectrum)):
            raise InvalidInputError(
                f"inputs: expected a formula in i and d, or a list of numbers, but got spectrum={self.spectrum!r}"
            )
        for number in numbers:
            check_size("inputs", "every number of the spectrum", number)
        msgspec.structs.force_setattr(self, "spectrum", tuple(map(float, numbers)))

    @property
    def words(self) -> str:
        """The law and its spectrum."""
        shown = self.spectrum if isinstance(self.spectrum, str) else f"{len(self.spectrum)} numbers"
        return f"Gaussian with covariance spectrum {shown}, trace 1"

    @property
    def dimension(self) -> int | None:
        """How many numbers the spectrum lists."""
        return None if isinstance(self.spectrum, str) else len(self.spectrum)

    def check(self, dimension: int) -> None:
        """Refuse a spectrum that is not one in R^d, and a dimension that no machine simulates."""
        if dimension > _MOST_DIMENSIONS:
            raise InvalidInputError(
                f"inputs: expected at most {_MOST_DIMENSIONS} eigenvalues but the path gives d = {dimension}; "
                "take smaller sizes"
            )
        self.eigenvalues(dimension)

    def eigenvalues(self, dimension: int) -> npt.NDArray[np.float64]:
        """Return the eigenvalues s_i / sum(s). Shape (d,).

        Raises:
            InvalidInputError: if one is negative or not finite, or all are 0.
        """
        if isinstance(self.spectrum, str):
            function = _spectrum(self.spectrum)
            with np.errstate(all="ignore"):
                values = np.asarray(function(np.arange(1.0, dimension + 1), float(dimension)))
            if np.iscomplexobj(values):
                values = np.where(values.imag == 0, values.real, np.nan)
            values = np.broadcast_to(values.astype(float), (dimension,))
        else:
            values = np.asarray(self.spectrum)
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if len(bad) or not 0 < float(values.sum()) < math.inf:
            where = f"s_{bad[0] + 1} = {values[bad[0]]:g}" if len(bad) else f"the sum {values.sum():g}"
            raise InvalidInputError(
                f"inputs: expected a spectrum of finite numbers >= 0 with a positive sum but {self.spectrum!r} "
                f"gives {where} at d = {dimension}"
            )
        return cast(npt.NDArray[np.float64], values / values.sum())


@lru_cache(maxsize=256)
def _spectrum(formula: str) -> Any:
    """The formula as a numpy function of i and d."""
    i, d = sympy.symbols("i d", positive=True)
    expression = parse_expression(formula, {"i": i, "d": d}, what="spectrum")
    if not isinstance(expression, sympy.Expr):
        raise InvalidInputError(f"spectrum: expected a formula in i and d but got the condition {formula!r}")
    return sympy.lambdify((i, d), expression, modules=["scipy", "numpy"])


class Dataset(Inputs, frozen=True, kw_only=True, tag="dataset"):
    """Two classes of images as vectors of pixels / 255 (digits: / 16), drawn without replacement.

    Args:
        name: mnist, cifar10 or digits.
        path: the folder, or file, that holds it; default: the folder that BIGTHETA_DATA names.
        classes: the two that are compared; the first has label +1, the second -1.
        normalise: "none", "sphere" (|x| = 1 each) or "mean" (one factor for all: mean |x|^2 = 1).
        split: "test" or "train", which published files are read.
        unchecked: read files whose checksum is not a published one.

    >>> inputs("mnist") == Dataset(name="mnist")
    True
    """

    name: str = "digits"
    path: str = ""
    classes: tuple[int, int] = (0, 1)
    normalise: str = "none"
    split: str = "test"
    unchecked: bool = False

    def __post_init__(self) -> None:
        for what, value, known in (
            ("dataset", self.name, DATASETS),
            ("normalise", self.normalise, NORMALISATIONS),
            ("split", self.split, ("test", "train")),
        ):
            if not isinstance(value, str) or value not in known:
                raise unknown_name(what, value, known)
        if not isinstance(self.path, str) or "\0" in self.path:
            raise InvalidInputError(f"inputs: expected a path as text but got path={self.path!r}")
        if not isinstance(self.classes, Iterable) or len(pair := tuple(self.classes)) != 2 or pair[0] == pair[1]:
            raise InvalidInputError(f"inputs: expected two different classes but got classes={self.classes!r}")
        for label in pair:
            whole_number("classes", label, low=0, high=9, where="inputs")
        msgspec.structs.force_setattr(self, "classes", pair)

    @property
    def words(self) -> str:
        """The images, how they are scaled, and whether the file is the published one."""
        first, second = self.classes
        split = f" {self.split} set" if self.name != "digits" else ""
        unchecked = "; the file is not checked against the published one" if self.unchecked else ""
        return f"{self.name}{split}, {first} against {second}, {NORMALISATIONS[self.normalise]}{unchecked}"

    @property
    def dimension(self) -> int:
        """The number of pixels."""
        return DATASETS[self.name]

    @property
    def canonical(self) -> dict[str, Any]:
        """What is not default; the path only where nothing else says what the file holds."""
        table: dict[str, Any] = msgspec.to_builtins(self) | {"name": self.name}
        return table if self.unchecked else {key: value for key, value in table.items() if key != "path"}


_KINDS = by_kind(Inputs)
_NAMES = {name: {"kind": "dataset", "name": name} for name in DATASETS}


def inputs(value: object) -> Inputs:
    """Return the input law from its name, the name of a dataset, a table with `kind`, or itself.

    >>> inputs({"kind": "covariance", "spectrum": [3, 1]}).eigenvalues(2)
    array([0.75, 0.25])
    """
    return cast(Inputs, read_kind(value, Inputs, _KINDS, "inputs", _NAMES))
