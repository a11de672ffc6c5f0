"""What a report must say of where its numbers come from."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["provenance"]

_PACKAGES = ("bigtheta", "numpy", "scipy", "sympy", "torch", "pandas")


def provenance(*, seed: int, device: str, **more: Any) -> dict[str, Any]:
    """Return versions, seed, device and the commit of the source tree, as report.json carries them."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    name = device
    if device == "cuda":
        import torch

        name = torch.cuda.get_device_name()
    return {"versions": versions, "seed": seed, "device": name, "commit": _commit(), **more}


def _commit() -> str | None:
    """Return the commit of a source checkout, with "+" if it has changes; None for an installed package."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return None
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=5, check=True
        )
        state = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=here, capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if state.stdout.strip() else "")
