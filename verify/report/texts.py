"""Any text as LaTeX text, in ASCII alone, so that every engine and encoding sets it."""

from __future__ import annotations

import unicodedata

__all__ = ["literal"]

_MARKS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\ensuremath{<}", ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}", '"': "''", "`": r"\textquoteleft{}", "[": "{[}", "]": "{]}",
    "–": "--", "—": "---", "‘": "'", "’": "'", "“": "''", "”": "''", "…": "...", "−": r"\ensuremath{-}",
    "×": r"\ensuremath{\times}", "±": r"\ensuremath{\pm}", "√": r"\ensuremath{\surd}", "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}", "≠": r"\ensuremath{\neq}", "∞": r"\ensuremath{\infty}", "·": r"\ensuremath{\cdot}",
    "²": r"\ensuremath{^2}", "³": r"\ensuremath{^3}", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}",
    "Ł": r"\L{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ı": r"\i{}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega",
}  # fmt: skip


def literal(text: str) -> str:
    r"""Return text on one line that LaTeX sets as it is; a character it may not have becomes its code point.

    >>> print(literal("50% of $x_1$, Müller, \u0398(n), \u4e2d"))
    50\% of \$x\_1\$, M\"{u}ller, \ensuremath{\Theta}(n), {[}U+4E2D{]}
    """
    return "".join(map(_character, " ".join(text.split()))).replace("--", "-{}-")


def _character(c: str) -> str:
    if c in _MARKS:
        return _MARKS[c]
    if c.isascii():
        return c if c.isprintable() else ""
    if c in _GREEK:
        return rf"\ensuremath{{\{_GREEK[c]}}}"
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[1] in _ACCENTS and parts[0].isascii() and parts[0].isalpha():
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"{{[}}U+{ord(c):04X}{{]}}"
