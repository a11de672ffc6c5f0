"""What a report must say of where its numbers come from."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from bigtheta.theory import plugins

__all__ = ["provenance"]

_PACKAGES = ("bigtheta", "numpy", "scipy", "sympy", "torch", "pandas")


def provenance(*, seed: int, device: str, **more: Any) -> dict[str, Any]:
    """Return versions, seed, device, the commit of the source tree and the plugins, as report.json carries them.

    `plugins` lists what this process has loaded of others: installed distributions with name and version, and files
    with the SHA-256 of the text that ran; see `bigtheta.theory.plugins.in_use`. More is passed on.

    >>> about = provenance(seed=0, device="cpu", trials=8)
    >>> about["plugins"], about["trials"]
    ([], 8)
    """
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
    return {
        "versions": versions, "seed": seed, "device": name, "commit": _commit(), "plugins": plugins.in_use(), **more,
    }  # fmt: skip


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
