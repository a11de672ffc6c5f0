"""A disk of a few kilobytes, to be filled: a tmpfs, which takes root to mount."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tiny_disk(where: Path, size: str) -> Iterator[Path]:
    """Yield a mounted folder of that size; the test is skipped, with the reason, where none can be mounted."""
    where.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("a tiny disk cannot be mounted: there is no mount command")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a tiny disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", where], check=True)
