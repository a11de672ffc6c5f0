"""Tails of a certified integral in the plane, along one of its two axes: the bound X or Y of `theory.plane`."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Side"]

_LOG2 = math.log(2)


@dataclass(frozen=True)
class Side:
    """The growth of |f(G) f(G')| in one of the variables z = x or y, G = cx + sy, as (1 + w|z|)^2m e^{2aw|z| - q z^2}.

    w is c or s, and q = 1/2 - 2 b w^2.
    """

    weight: float
    power: float
    rate: float
    square: float

    @property
    def curvature(self) -> float:
        """q, what the normal density and the growth bound leave of z^2."""
        return 0.5 - 2 * self.square * self.weight**2

    def log_at(self, far: float, near: float) -> float:
        """log of a bound on near <= |z| <= far."""
        w = self.weight
        return 2 * self.power * math.log1p(w * far) + 2 * self.rate * w * far - self.curvature * near**2

    def tail(self, reach: float) -> float:
        """log of a bound of the integral over |z| > reach: beyond, it falls at least as e^{-slope z}."""
        w = self.weight
        slope = 2 * self.curvature * reach - 2 * self.rate * w - 2 * self.power * w / (1 + w * reach)
        if slope <= 0.1:
            return math.inf
        return self.log_at(reach, reach) - math.log(slope) - math.log(2 * math.pi) / 2 + _LOG2

    def whole(self) -> float:
        """log of a bound of the integral over all z."""
        logs: list[float] = []
        for step in range(400_000):
            near, far = step / 4, (step + 1) / 4
            logs.append(self.log_at(far, near) - math.log(4))
            if self.tail(far) < max(logs):
                logs.append(self.tail(far))
                break
        top = max(logs)
        return top + math.log(math.fsum(math.exp(log - top) for log in logs))
