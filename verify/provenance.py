"""What a report must say of where its numbers come from."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from bigtheta.theory import plugins
from bigtheta.theory.source_files import SourceFile

__all__ = ["provenance"]

_PACKAGES = ("bigtheta", "numpy", "scipy", "sympy", "torch", "pandas")


def provenance(
    *, seed: int, device: str, sources: Iterable[tuple[SourceFile, ...]] = (), **more: Any
) -> dict[str, Any]:  # fmt: skip
    """Return versions, seed, device, the commit of the source tree and the plugins, as report.json carries them.

    `plugins` lists what this process has loaded of others: installed distributions with name and version, and files,
    each with the SHA-256 of the text that ran; see `bigtheta.theory.plugins.in_use`. More is passed on.

    Args:
        sources: of the experiments that were simulated; the files of those that no plugin gave are listed too.

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
    used = plugins.in_use()
    used += _not_listed(used, sources)
    return {"versions": versions, "seed": seed, "device": name, "commit": _commit(), "plugins": used, **more}


def _not_listed(used: list[dict[str, Any]], sources: Iterable[tuple[SourceFile, ...]]) -> list[dict[str, Any]]:
    """A file, with what it imports, of each source that no plugin in use has: a model of the user's own module."""
    listed = {sha for plugin in used for sha in (plugin.get("sha256"), *plugin.get("files", {}).values())}
    own = sorted({source for source in sources if not {file.sha256 for file in source} <= listed})
    return [
        {"file": " and ".join(file.shown for file in source if not file.name) or source[0].shown}
        | plugins.hashes(source)
        for source in own
    ]


def _commit() -> str | None:
    """Return the commit of a source checkout, with "+" if it has changes; None for an installed package."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return None
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=60, check=True
        )
        state = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=here, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if state.stdout.strip() else "")
