"""Datasets from files made here: read right, drawn without replacement, and refused where anything is wrong."""

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
import torch

from bigtheta.numerics import datasets, formats
from bigtheta.numerics.datasets import DataMissingError, check_data, draw_images, load_images, missing_data
from bigtheta.numerics.formats import read_batch, read_idx, read_npz
from bigtheta.numerics.sample import draw_sample
from bigtheta.numerics.streams import Streams
from bigtheta.numerics.sweep import simulate
from bigtheta.theory.data import labels
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.inputs import Dataset

REAL = os.environ.get("BIGTHETA_DATA", "")
M = 60


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return rng.integers(1, 256, (M, 28, 28), dtype=np.uint8), np.arange(M, dtype=np.uint8) % 3


@pytest.fixture
def mnist(tmp_path, images):
    for part, array in zip(("images-idx3", "labels-idx1"), images, strict=True):
        (tmp_path / f"t10k-{part}-ubyte").write_bytes(idx(array))
    return tmp_path


@pytest.fixture
def colours():
    rng = np.random.default_rng(1)
    return rng.integers(1, 256, (M, 3, 32, 32), dtype=np.uint8), np.arange(M) % 2


def published(x, y):
    """A batch in the opcodes of the published files: Python 2, protocol 2, byte strings without a codec."""

    def text(value):
        return b"T" + struct.pack("<i", len(value)) + value

    m, raw = len(x), x.tobytes()
    dtype = (
        b"cnumpy\ndtype\nq\x05"
        + b"U\x02u1K\x00K\x01\x87q\x06Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87q\x03Rq\x04(K\x01"
    array += b"J" + struct.pack("<i", m) + b"M\x00\x0c\x86" + dtype + b"\x89" + text(raw) + b"tb"
    targets = b"](" + b"".join(b"K" + bytes([label]) for label in y) + b"e"
    parts = [text(b"batch_label"), text(b"testing batch 1 of 1"), text(b"labels"), targets, text(b"data"), array]
    return b"\x80\x02}q\x08(" + b"".join(parts) + b"u."


def batch(x, y, protocol):
    if protocol == 2:
        return published(x, y)
    return pickle.dumps(
        {b"data": x.reshape(len(x), -1), b"labels": y.tolist(), b"batch_label": b"b"}, protocol=protocol
    )


def npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def spec(path, name="mnist", **options):
    return Dataset(name=name, path=str(path), unchecked=True, **options)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_mnist_is_read_and_the_two_classes_kept(mnist, images):
    x, y = load_images(spec(mnist))
    kept = images[1] < 2
    assert x.shape == (40, 784)
    assert torch.equal(x, torch.from_numpy(images[0][kept].reshape(-1, 784) / 255.0))
    assert torch.equal(y, torch.from_numpy(np.where(images[1][kept] == 0, 1.0, -1.0)))
    other = load_images(spec(mnist, classes=(2, 1)))[1]
    assert torch.equal(other, torch.from_numpy(np.where(images[1][images[1] > 0] == 2, 1.0, -1.0)))


def test_gzipped_files_in_a_folder_of_their_name_are_the_same(mnist, tmp_path, monkeypatch):
    folder = tmp_path / "root" / "mnist"
    folder.mkdir(parents=True)
    for file in mnist.glob("t10k*"):
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    monkeypatch.setenv("BIGTHETA_DATA", str(folder.parent))
    assert torch.equal(load_images(Dataset(name="mnist", unchecked=True))[0], load_images(spec(mnist))[0])


def test_normalisations(mnist):
    plain, sphere, mean = (load_images(spec(mnist, normalise=name))[0] for name in ("none", "sphere", "mean"))
    assert torch.allclose(torch.linalg.vector_norm(sphere, dim=1), torch.ones(40, dtype=torch.float64))
    assert float(mean.square().sum(1).mean()) == pytest.approx(1)
    assert float((mean / plain).std()) < 1e-12
    assert float(plain.square().sum(1).mean()) > 100


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_batches_and_npz_give_the_same_points(tmp_path, colours, protocol):
    x, y = colours
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(batch(x, y, protocol))
    (tmp_path / "some.npz").write_bytes(npz(x=x.transpose(0, 2, 3, 1), y=y))
    one, two = load_images(spec(folder.parent, "cifar10")), load_images(spec(tmp_path / "some.npz", "cifar10"))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert torch.equal(one[0][3], torch.from_numpy(x[3].reshape(-1) / 255.0))


def test_the_training_split_reads_five_batches(tmp_path, colours):
    x, y = colours
    for i in range(5):
        (tmp_path / f"data_batch_{i + 1}").write_bytes(published(x[12 * i : 12 * i + 12], y[12 * i : 12 * i + 12]))
    found = load_images(spec(tmp_path, "cifar10", split="train"))[0]
    assert torch.equal(found, torch.from_numpy(x.reshape(M, -1) / 255.0))
    with pytest.raises(DataMissingError, match="test_batch"):
        load_images(spec(tmp_path, "cifar10"))


def test_digits_come_from_scikit_learn_or_say_how_to_get_it(monkeypatch):
    fake = types.ModuleType("sklearn.datasets")
    fake.load_digits = lambda return_X_y: (np.full((6, 64), 8.0), np.array([0, 1, 2, 0, 1, 2]))
    datasets._load.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", fake)
    x, y = load_images(Dataset())
    assert x.shape == (4, 64)
    assert (x == 0.5).all()
    assert y.tolist() == [1, -1, 1, -1]
    datasets._load.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataMissingError, match=r"pip install 'bigtheta\[data\]'"):
        load_images(Dataset())


# --- drawing ---------------------------------------------------------------------------------------------------------


def test_points_are_drawn_without_replacement_and_test_points_are_others(mnist):
    streams = Streams(1, "demo", {"n": 25, "d": 784}, 0)
    sample = draw_sample(spec(mnist), labels("classes"), streams, count=25, test_points=15)
    points = torch.cat([sample.x, sample.z])
    assert len(torch.unique(points, dim=0)) == 40
    pool, classes = load_images(spec(mnist))
    where = [(pool == point).all(1).nonzero().item() for point in points]
    assert torch.equal(torch.cat([sample.y, sample.clean_z]), classes[where])
    again = draw_sample(spec(mnist), labels("classes"), streams, count=25, test_points=5)
    assert torch.equal(again.x, sample.x)
    other = draw_sample(
        spec(mnist), labels("classes"), Streams(1, "demo", {"n": 25, "d": 784}, 1), count=25, test_points=0
    )
    assert not torch.equal(other.x, sample.x)


def test_more_points_than_there_are_is_refused(mnist):
    with pytest.raises(InvalidInputError, match=r"n \+ test points <= 40, .* but got 41"):
        draw_images(spec(mnist), np.random.default_rng(0), 41)
    assert len(draw_images(spec(mnist), np.random.default_rng(0), 40)[0]) == 40


def test_a_model_is_fitted_to_images(mnist):
    given = {"sizes": {"n": 20, "d": 784}, "activation": "relu", "trials": 1, "labels": "classes"}
    table = {"kind": "mnist", "path": str(mnist), "unchecked": True, "normalise": "sphere"}
    frame = simulate(model="rf-kernel", inputs=table, quantity={"kind": "sensitivity", "test_points": 20}, **given)
    assert frame.value[0] > 0
    with pytest.raises(InvalidInputError, match="set d = 784"):
        simulate(model="rf-kernel", inputs=table, **(given | {"sizes": {"n": 20, "d": 783}}))


# --- absent, not published, malformed --------------------------------------------------------------------------------


def test_absent_data_say_so_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("BIGTHETA_DATA", raising=False)
    with pytest.raises(DataMissingError, match="BIGTHETA_DATA is not set"):
        check_data(Dataset(name="mnist"))
    with pytest.raises(DataMissingError, match=r"t10k-images-idx3-ubyte, .* not found under"):
        simulate(
            model="rf-kernel",
            activation="relu",
            sizes={"n": 4, "d": 784},
            inputs={"kind": "mnist", "path": str(tmp_path)},
        )
    assert "not found" in missing_data(Dataset(name="cifar10", path=str(tmp_path)))
    assert "not found" in missing_data(Dataset(name="cifar10", path="x" * 5000))
    assert issubclass(DataMissingError, BigthetaError)
    assert not issubclass(DataMissingError, InvalidInputError)
    error = pickle.loads(pickle.dumps(DataMissingError("why")))
    assert (type(error), str(error)) == (DataMissingError, "why")


def test_a_file_that_is_not_the_published_one_is_refused_unless_asked_for(mnist):
    with pytest.raises(InvalidInputError, match=r"sha256 .* published file has 0fa7898d.* unchecked = true"):
        load_images(Dataset(name="mnist", path=str(mnist)))
    assert missing_data(Dataset(name="mnist", path=str(mnist))) is None


GOOD = idx(np.arange(4, dtype=np.uint8))
BAD_IDX = {
    "empty": (b"", "magic 00000801, but got None"),
    "magic": (b"\x00\x00\x08\x03" + GOOD[4:], "got 00000803"),
    "not bytes": (b"\x00\x00\x0d\x01" + GOOD[4:], "got 00000d01"),
    "no header": (GOOD[:6], "truncated"),
    "truncated": (GOOD[:-1], "expected 4 bytes of data for shape (4,) but got 3"),
    "too long": (GOOD + b"x", "but got 5"),
    "a huge shape": (GOOD[:4] + b"\xff" * 4 + GOOD[8:], "4294967295"),
    "not gzip": (b"\x1f\x8bzzzz", "not a gzip file"),
    "truncated gzip": (gzip.compress(GOOD)[:-9], "the gzip stream does not end"),
}


@pytest.mark.parametrize("name", BAD_IDX)
def test_malformed_idx_files_give_one_clear_line(name):
    content, words = BAD_IDX[name]
    with pytest.raises(InvalidInputError) as caught:
        read_idx(content, "labels", axes=1)
    assert words in str(caught.value)
    assert str(caught.value).startswith("labels: ")


def test_what_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(formats, "MAX_BYTES", 1000)
    with pytest.raises(InvalidInputError, match="more than 1000 bytes"):
        read_idx(gzip.compress(bytes(2000)), "labels", axes=1)
    with pytest.raises(InvalidInputError, match="more than 1000 bytes"):
        read_npz(npz(x=np.zeros(2000, dtype=np.uint8), y=np.zeros(1)), "a.npz")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(mnist, monkeypatch):
    monkeypatch.setattr(datasets, "MAX_BYTES", 100)
    with pytest.raises(InvalidInputError, match="more than the 100"):
        load_images(spec(mnist, classes=(0, 2)))


def test_images_that_do_not_match_are_refused(mnist, images):
    for classes, content, words in (
        ((1, 0), idx(images[1][:-1]), "60 images but 59 labels"),
        ((2, 0), idx(np.zeros(M, dtype=np.uint8)), "no|are none"),
    ):
        (mnist / "t10k-labels-idx1-ubyte").write_bytes(content)
        with pytest.raises(InvalidInputError, match=words):
            load_images(spec(mnist, classes=classes))
    (mnist / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((M, 27, 28), dtype=np.uint8)))
    with pytest.raises(InvalidInputError, match="28 x 28 pixels but got 27 x 28"):
        load_images(spec(mnist, classes=(0, 9)))


def zipped(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for key, content in members.items():
            archive.writestr(f"{key}.npy", content)
    return stream.getvalue()


def npy(text, data=b""):
    header = text.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


X, Y = np.zeros((4, 32, 32, 3), dtype=np.uint8), np.arange(4)
BAD_NPZ = {
    "empty": (b"", "not an .npz archive"),
    "truncated": (npz(x=X, y=Y)[:-40], "not an .npz archive"),
    "no labels": (npz(x=X), "x and y"),
    "shape": (npz(x=X[:, :, :, :1], y=Y), "(m, 32, 32, 3)"),
    "floats": (npz(x=X.astype(float), y=Y), "whole numbers"),
    "labels": (npz(x=X, y=Y[:3]), "a label for each of 4 images"),
    "objects": (npz(x=np.array([{}], dtype=object), y=Y), "whole numbers but got dtype object"),
    "a huge shape": (
        zipped(x=npy("{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000,)}\n"), y=b""), "do not hold shape"
    ),
    "a negative shape": (
        zipped(x=npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, -4)}\n", b"abcd"), y=b""), "do not hold"
    ),
    "a header that is code": (zipped(x=npy("__import__('os').getpid()\n"), y=b""), "not an .npy array"),
    "no header": (zipped(x=b"abc", y=b""), "not an .npy array"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_NPZ)
def test_malformed_archives_give_one_clear_line(name):
    content, words = BAD_NPZ[name]
    with pytest.raises(InvalidInputError) as caught:
        read_npz(content, "a.npz")
    assert words in str(caught.value)
    assert str(caught.value).startswith("a.npz")
    assert "\n" not in str(caught.value)


class Hostile:
    def __init__(self, call, *args):
        self.call, self.args = call, args

    def __reduce__(self):
        return self.call, self.args


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("call", [os.mkdir, eval, subprocess.call, np.memmap, getattr, print])
def test_a_hostile_pickle_is_refused_without_running(tmp_path, colours, call, protocol):
    mark = tmp_path / "ran"
    payload = Hostile(call, f"__import__('os').mkdir({str(mark)!r})" if call is eval else str(mark))
    x, y = colours
    content = pickle.dumps({b"data": x.reshape(M, -1), b"labels": y.tolist(), b"more": payload}, protocol=protocol)
    with pytest.raises(InvalidInputError, match="no batch needs"):
        read_batch(content, "test_batch")
    assert not mark.exists()


def test_the_hostile_pickle_would_run():
    """Negative control: an ordinary unpickler does run it."""
    assert pickle.loads(pickle.dumps(Hostile(int, "7"))) == 7


def _batch(x, y):
    return pickle.dumps({"data": x, "labels": y}, protocol=4)


BAD_BATCH = {
    "empty": (b"", "not a CIFAR-10 batch"),
    "text": (b"hello", "no batch needs"),
    "truncated": (_batch(X.reshape(4, -1), [0] * 4)[:-100], "not a CIFAR-10 batch"),
    "a list": (pickle.dumps([1, 2], protocol=2), "expected a table"),
    "no data": (pickle.dumps({"labels": [1]}, protocol=2), "data as an array"),
    "shape": (_batch(X.reshape(8, -1), [0] * 8), "(m, 3072)"),
    "dtype": (_batch(X.reshape(4, -1).astype(np.int64), [0] * 4), "uint8"),
    "objects": (_batch(np.array([[None] * 3072], dtype=object), [0]), "uint8"),
    "labels": (_batch(X.reshape(4, -1), [0] * 3), "a label for each of 4 images"),
    "labels are text": (_batch(X.reshape(4, -1), "0000"), "whole numbers"),
    "no labels": (_batch(X.reshape(4, -1), None), "whole numbers"),
    "a memo of gigabytes": (b"\x80\x02}r\xff\xff\xff\x7f.", "LONG_BINPUT"),
    "a string of gigabytes": (b"\x80\x04\x8e\xff\xff\xff\xff\x00\x00\x00\x00.", "not a CIFAR-10 batch"),
    "persistent": (b"\x80\x02}Q.", "BINPERSID"),
    "a state without an array": (
        b"\x80\x02}(X\x04\x00\x00\x00datacnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x02tbX\x06\x00\x00\x00labels]u.",
        "data as an array",
    ),
}


@pytest.mark.parametrize("name", BAD_BATCH)
def test_malformed_batches_give_one_clear_line(name):
    content, words = BAD_BATCH[name]
    with pytest.raises(InvalidInputError) as caught:
        read_batch(content, "test_batch")
    assert words in str(caught.value)
    assert str(caught.value).startswith("test_batch: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_batch_damaged_anywhere_is_read_or_refused(protocol):
    """One byte changed, 2,000 times: an array of the right shape or InvalidInputError, nothing else."""
    content = batch(X[:2], Y[:2], protocol)
    rng = np.random.default_rng(2)
    head = np.r_[0:200, len(content) - 200 : len(content)]
    for place, byte in zip(rng.choice(head, 2000), rng.integers(0, 256, 2000), strict=True):
        damaged = bytearray(content)
        damaged[place] = byte
        try:
            x, y = read_batch(bytes(damaged), "b")
        except InvalidInputError:
            continue
        assert x.shape == (len(y), 3, 32, 32)


@pytest.mark.skipif(not REAL, reason="BIGTHETA_DATA is not set, so the published files are not at hand")
def test_the_published_files_are_what_they_are_said_to_be():
    x, y = load_images(Dataset(name="mnist", path=REAL))
    assert ((y > 0).sum().item(), (y < 0).sum().item()) == (980, 1135)
    assert 0 <= float(x.min()) < float(x.max()) == 1
