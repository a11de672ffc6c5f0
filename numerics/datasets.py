"""Two classes of published images as points of R^d: found on disk, checked, drawn without replacement.

Nothing is downloaded. Files are found under the path of the spec, or the folder that BIGTHETA_DATA names, or a folder
in it named after the dataset: MNIST as IDX files, plain or .gz; CIFAR-10 as the python batches, or as one .npz with `x`
and `y`; the digits come with scikit-learn.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bigtheta.numerics.formats import MAX_BYTES, read_batch, read_idx, read_npz
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.inputs import Dataset, Inputs

__all__ = ["DataMissingError", "check_data", "draw_images", "load_images", "missing_data"]

Points = tuple[npt.NDArray[Any], npt.NDArray[Any]]
_ROOT = "BIGTHETA_DATA"

_MNIST = {"test": "t10k", "train": "train"}
_BATCHES: dict[str, tuple[str, ...]] = {
    "test": ("test_batch",),
    "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
}
_SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f", "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751", "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb", "test_batch": "40351d587109b95175f43aff81a1287e",
}  # fmt: skip
"""Published checksums; for the CIFAR-10 batches only MD5 was published."""


class DataMissingError(BigthetaError):
    """A dataset that a law needs is not on this machine; the law can be skipped, and the message is the reason."""


def draw_images(spec: Dataset, generator: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Return `count` images drawn without replacement, and their classes +1 or -1. Shapes (count, d), (count,).

    Raises:
        DataMissingError: if the dataset is not there.
        InvalidInputError: if it has fewer images of the two classes.
    """
    images, classes = load_images(spec)
    if count > len(images):
        first, second = spec.classes
        raise InvalidInputError(
            f"inputs: expected n + test points <= {len(images)}, as many as {spec.name} has of the classes {first} and "
            f"{second}, but got {count}; lower n, or the quantity's test_points"
        )
    chosen = torch.from_numpy(generator.permutation(len(images))[:count])
    return images[chosen], classes[chosen]


def load_images(spec: Dataset) -> tuple[Tensor, Tensor]:
    """Return all images of the two classes, normalised, and their classes +1 or -1. Shapes (m, d), (m,).

    Raises:
        DataMissingError: if the dataset is not there.
        InvalidInputError: for a file that is not the published one, or malformed.
    """
    return _load(spec, os.environ.get(_ROOT, ""))


@lru_cache(maxsize=2)
def _load(spec: Dataset, root: str) -> tuple[Tensor, Tensor]:
    if spec.name == "digits":
        pixels, targets = _digits()
    else:
        pixels, targets = _mnist(spec, root) if spec.name == "mnist" else _cifar10(spec, root)
    pixels = pixels.reshape(len(pixels), -1)
    if len(pixels) != len(targets):
        raise InvalidInputError(
            f"dataset {spec.name}: {len(pixels)} images but {len(targets)} labels; get the files again"
        )
    first, second = spec.classes
    kept = (targets == first) | (targets == second)
    for label in spec.classes:
        if not (targets == label).any():
            raise InvalidInputError(f"dataset {spec.name}: expected images of class {label} but there are none")
    x = torch.from_numpy(pixels[kept] / (16.0 if spec.name == "digits" else 255.0))
    norms = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    if spec.normalise == "sphere":
        if bool((norms == 0).any()):
            raise InvalidInputError(f'dataset {spec.name}: an image is black and cannot have |x| = 1; use "mean"')
        x = x / norms
    elif spec.normalise == "mean":
        x = x / norms.square().mean().sqrt()
    return x, torch.from_numpy(np.where(targets[kept] == first, 1.0, -1.0))


def missing_data(law: Inputs) -> str | None:
    """Return why a dataset is not there, None if it is or if none is needed.

    >>> from bigtheta.theory.inputs import Sphere
    >>> missing_data(Sphere()) is None
    True
    """
    try:
        check_data(law)
    except DataMissingError as error:
        return str(error)
    return None


def check_data(law: Inputs) -> None:
    """Refuse a dataset that is not on this machine; nothing is read.

    Raises:
        DataMissingError: naming where it was sought and what to do.
    """
    if isinstance(law, Dataset):
        if law.name == "digits":
            _sklearn()
        else:
            _find(law, os.environ.get(_ROOT, ""))


def _sklearn() -> Any:
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise DataMissingError(
            "dataset digits: scikit-learn is not installed; pip install 'bigtheta[data]', or use mnist or cifar10"
        ) from error


def _digits() -> Points:
    """1,797 images of 8 x 8 pixels 0..16, embedded in scikit-learn."""
    pixels, targets = _sklearn().load_digits(return_X_y=True)
    return np.asarray(pixels), np.asarray(targets)


def _mnist(spec: Dataset, root: str) -> Points:
    images, labels = (_content(spec, file) for file in _find(spec, root))
    x, y = read_idx(images[1], images[0], axes=3), read_idx(labels[1], labels[0], axes=1)
    if x.shape[1:] != (28, 28):
        raise InvalidInputError(f"{images[0]}: expected images of 28 x 28 pixels but got {x.shape[1]} x {x.shape[2]}")
    return x, y


def _cifar10(spec: Dataset, root: str) -> Points:
    parts = []
    for file in _find(spec, root):
        name, content = _content(spec, file)
        parts.append(read_npz(content, name) if file.suffix == ".npz" else read_batch(content, name))
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def _find(spec: Dataset, root: str) -> list[Path]:
    """The files of a dataset, in order."""
    where = spec.path or root
    if not where:
        raise DataMissingError(
            f"dataset {spec.name}: no path is given and {_ROOT} is not set; set {_ROOT} to its folder"
        )
    base = os.path.expanduser(where)
    if base.endswith(".npz") and spec.name == "cifar10" and os.path.isfile(base):
        return [Path(base)]
    names, ends = _BATCHES[spec.split], [""]
    if spec.name == "mnist":
        names = tuple(f"{_MNIST[spec.split]}-{part}-ubyte" for part in ("images-idx3", "labels-idx1"))
        ends = ["", ".gz"]
    places = [base, os.path.join(base, spec.name)]
    places += [os.path.join(place, "cifar-10-batches-py") for place in places] if spec.name == "cifar10" else []
    for place, end in itertools.product(places, ends):
        files = [os.path.join(place, name + end) for name in names]
        if all(map(os.path.isfile, files)):
            return [Path(file) for file in files]
    for place in filter(os.path.isdir, places if spec.name == "cifar10" else []):
        if len(archives := sorted(Path(place).glob("*.npz"))) == 1:
            return archives
    raise DataMissingError(
        f"dataset {spec.name}: {', '.join(names)} not found under {base!r}; put the published files there, or set "
        f"path or {_ROOT} to their folder"
    )


def _content(spec: Dataset, file: Path) -> tuple[str, bytes]:
    """The name and the bytes of a file, bounded and checked."""
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InvalidInputError(f"{file.name}: {size} bytes, more than the {MAX_BYTES} of any file that is read")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"cannot read {str(file)!r}: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise InvalidInputError(f"{file.name}: more than the {MAX_BYTES} bytes of any file that is read")
    if not spec.unchecked:
        known = _MD5.get(file.name) or _SHA256.get(file.name)
        kind = "md5" if file.name in _MD5 else "sha256"
        found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
        if found != known:
            published = f"the published file has {known}" if known else "no checksum of such a file is published"
            raise InvalidInputError(
                f"{file.name}: its {kind} is {found} but {published}; get the published file, or set unchecked = true"
            )
    return file.name, content
