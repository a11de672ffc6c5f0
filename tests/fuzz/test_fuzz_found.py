"""What fuzzing found, each in its smallest form, and what is asserted now."""

import gzip
import io
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from fuzz_seeds import ENDLESS, bomb, corpus, hostile_stores, npz, with_row
from fuzz_targets import read_report_file, read_store
from fuzz_watch import check_message, reads

from bigtheta.numerics import formats
from bigtheta.numerics.formats import read_batch, read_idx, read_npz
from bigtheta.theory.catalogue import activation
from bigtheta.theory.errors import BigthetaError, InvalidInputError
from bigtheta.theory.model import model
from bigtheta.theory.order import leading_order
from bigtheta.theory.plugin_file import plugin_files
from bigtheta.theory.plugins import PluginError
from bigtheta.theory.scale import Path
from bigtheta.theory.spec import law_from_spec, read_spec
from bigtheta.theory.statement import Statement
from bigtheta.verify import options, table_text
from bigtheta.verify.cli import main
from bigtheta.verify.report.pages import page_name
from bigtheta.verify.report.read import report_from_dict
from bigtheta.verify.table import read_table

LAW = {"name": "b", "model": "rf-kernel", "statement": "Theta(n)", "path": {"d": "2*n"}, "sizes": {"n": [10, 20]}}


# Messages: one printable line of a few hundred characters, whatever they quote


@pytest.mark.parametrize(
    "call",
    [
        lambda: activation("x" * 5000),
        lambda: Statement.parse("x" * 5000 + "(n)"),
        lambda: law_from_spec({"law": LAW | {"inputs": "g" + "9" * 5000}}),
        lambda: law_from_spec({"law": LAW | {"model": {"kind": "rf-kernel", "r" * 5000: 0}}}),
        lambda: law_from_spec({"law": LAW | {"quantity": "\x1b[2J\n\u202e\ud800"}}),
        lambda: law_from_spec({"law": LAW | {"n" * 5000: 1}}),
    ],
)
def test_a_message_does_not_repeat_what_it_was_given_at_length_or_raw(call):
    with pytest.raises(InvalidInputError) as caught:
        call()
    check_message(str(caught.value))


def test_a_long_message_keeps_its_beginning_and_its_advice():
    text = str(BigthetaError(f"asked for {'x' * 10_000}; do this"))
    assert text.startswith("asked for xxx")
    assert " ... " in text
    assert text.endswith("xxx; do this")
    assert str(BigthetaError("a\tb\x00\ud800")) == "a\\tb\\x00\\ud800"


def test_a_message_survives_the_way_from_a_worker():
    error = InvalidInputError("a\n" * 1000)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# Formulas


def nested(text, levels, start="u"):
    for _ in range(levels):
        start = text.format(start)
    return start


@pytest.mark.parametrize("text", ["sin({}*100)", "exp(-({}))", "({})**(1/3)+1", "cosh({}/7)", "log({}, 2)"])
@pytest.mark.parametrize("start", ["u", "sqrt(2)", "e", "2"])
def test_functions_of_functions_of_functions_are_refused_before_sympy_takes_for_ever(text, start):
    assert not reads(lambda: activation(f"u*({nested(text, 20, start)})"))


def test_powers_of_powers_of_sizes_are_refused():
    assert not reads(lambda: Path({"d": nested("({}+1)**2", 30, "n")}, free="n"))


def test_a_few_levels_are_read():
    assert activation("u*tanh(log(1+exp(sin(u)**2)))").expression
    assert activation("u*sqrt(2+sqrt(2+sqrt(2)))").expression


@pytest.mark.parametrize("text", ["Theta(n*10**3000*n*10**3000)", "Theta(n*1e2400*d*1e2400)"])
def test_a_coefficient_of_more_digits_than_python_writes_is_refused(text):
    with pytest.raises(InvalidInputError, match=r"too many digits|more than 3,000 digits"):
        Statement.parse(text)


@pytest.mark.parametrize(
    "text",
    ["(1e2500-1)**0.5", "sqrt(10**2500-1)", "(10**2500-1)**(1/3)", "sqrt(1/(10**400+1))", "sqrt(u*(10**2500-1))"],
)
def test_the_factors_of_a_large_number_are_not_sought(text):
    with pytest.raises(InvalidInputError, match="a root of a number with more than 300 digits"):
        activation(f"u*({text})")


def test_what_sympy_cannot_compare_is_refused():
    with pytest.raises(InvalidInputError):
        Path({"d": "ln(-(d)) * -(3)*erf(k+max(d, 2))"}, free="n")


def test_a_logarithm_to_the_base_one_is_not_finite():
    with pytest.raises(InvalidInputError):
        activation("atan(u-u/sign(3))-atan(log(sigmoid(u), max(1, 0.5)))")


@pytest.mark.parametrize("text", ["Theta(10**400*n)", "Limit(10**400*n)", "Peak(10**400*n, at=1)"])
def test_a_coefficient_beyond_float64_is_refused(text):
    with pytest.raises(InvalidInputError, match="above 10"):
        law_from_spec({"law": LAW | {"statement": text}})


def test_a_root_that_is_nowhere_real_is_refused():
    assert not reads(lambda: activation("sqrt(sqrt(sin(u)-2)-2)"))


def test_a_multiple_of_a_logarithm_of_a_number_has_a_leading_order():
    assert leading_order("n*log(100)*10**9").power == 1


# Paths


@pytest.mark.parametrize(
    "rules",
    [
        {"d": "1/2^k^-(100)", "k": "0.5"},
        {"d": "2**k", "k": "10**9"},
        {"d": "k**10000", "k": "10**300*n"},
        {"d": "+".join(f"sin({i}*k)" for i in range(160)), "k": "+".join(f"sin({i}*n)" for i in range(160))},
    ],
)
def test_sizes_put_into_each_other_stay_bounded(rules):
    with pytest.raises(InvalidInputError, match=r"^path d: "):
        Path(rules, free="n")


@pytest.mark.parametrize("rule", ["n**n**n", "2**n", "exp(n)", "exp(exp(n))", "n**400", "1/n**n", "sqrt(2)**n"])
def test_a_size_beyond_all_computers_is_refused(rule):
    with pytest.raises(InvalidInputError, match=r"path: d = "):
        Path(d=rule).at(10**9)


# Spec files


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"effort": 16**9000}, "36001 bits"),
        ({"model": {"kind": "random-features", "ridge": 16**9000}}, "36001 bits"),
        ({"sizes": {"n": [10, 16**9000]}}, "36001 bits"),
        ({"inputs": {"kind": "covariance", "spectrum": [16**9000]}}, "36001 bits"),
        ({"sizes": {"n": list(range(1, 1000))}}, "at most 500 n but got 999"),
        ({"activations": ["u"] * 1000}, "at most 100 activations but got 1000"),
        ({"hypotheses": ["n > 2"] * 1000}, "at most 100 hypotheses but got 1000"),
        ({"controls": [{"because": "x", "statement": "Theta(n**2)"}] * 1000}, "at most 100 controls but got 1000"),
        ({"path": {"d": "n**400"}}, "above 10"),
    ],
)
def test_a_number_or_a_list_without_end_is_refused(changes, said):
    with pytest.raises(InvalidInputError, match=said):
        law_from_spec({"law": LAW | changes})


def test_tables_within_tables_are_refused(tmp_path):
    deep = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(InvalidInputError, match="nested deeper than 8"):
        law_from_spec({"law": LAW | {"model": deep}})
    for key in ("a" + ".a" * 20_000, '"a" ' + '. "a"' * 20_000):
        (tmp_path / "law.toml").write_text(f"[law]\n{key} = 1\n")
        assert not reads(lambda: read_spec(tmp_path / "law.toml"), tmp_path)
    (tmp_path / "law.toml").write_text(f"# {'x' * 900_000}\n[law]\nclaim = '{'-' * 50_000}'\n")
    assert not reads(lambda: read_spec(tmp_path / "law.toml"), tmp_path)


def test_a_spectrum_in_more_dimensions_than_fit_into_memory_is_refused():
    changes = {"path": {"d": "10**10*n"}, "inputs": {"kind": "covariance", "spectrum": "1/i"}}
    assert not reads(lambda: law_from_spec({"law": LAW | changes}))


@pytest.mark.parametrize("text", ['{ kind = "random-features", weights = "\udcff" }', f"{{ kind = {'9' * 5000} }}"])
def test_a_table_of_the_command_line_that_cannot_be_read_is_refused(text):
    assert not reads(lambda: model(options.table("model", text)))


# Tables of samples


@pytest.mark.parametrize("content", [b"n,val\tue\n1,2\n", b"\x00\x00", b'"n\n\nm","value"\n1,2\n', b"n" + b"9" * 5000])
def test_the_name_of_a_column_is_quoted_in_one_line(tmp_path, content):
    (tmp_path / "data.csv").write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_table(tmp_path / "data.csv")
    check_message(str(caught.value))


def test_a_number_beyond_float64_is_refused(tmp_path):
    (tmp_path / "data.csv").write_text(f"n,value\n10,1\n20,{'9' * 5000}\n0x,2\n")
    assert not reads(lambda: read_table(tmp_path / "data.csv"))


def test_a_table_that_is_too_large_or_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(table_text, "MAX_BYTES", 10_000)
    content = b"n,value\n" + b"10,1.5\n" * 5_000
    for name, data in (("data.csv", content), ("data.csv.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidInputError, match="holds more than 10000 bytes"):
            read_table(tmp_path / name)


def test_a_packed_table_is_read_and_a_damaged_one_refused(tmp_path):
    content = gzip.compress(b"n,value\n10,1.5\n")
    (tmp_path / "data.csv.gz").write_bytes(content)
    assert read_table(tmp_path / "data.csv.gz").sizes == {"n": [10.0]}
    for damaged in (content[:-5], content[:12] + b"\xff\xff" + content[14:], b"no gzip"):
        (tmp_path / "data.csv.gz").write_bytes(damaged)
        with pytest.raises(InvalidInputError, match="cannot be read"):
            read_table(tmp_path / "data.csv.gz")


# Images


def archive(packing=zipfile.ZIP_STORED, **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


def array(shape, data=b""):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


@pytest.mark.parametrize("shape", [(0, 2**32 - 1, 2**32 - 1), (2**32 - 1, 0, 2**31)])
def test_an_empty_array_of_impossible_shape_is_refused(shape):
    with pytest.raises(InvalidInputError, match="bytes of data for shape"):
        read_idx(bytes([0, 0, 8, 3]) + struct.pack(">3I", *shape), "images", axes=3)
    with pytest.raises(InvalidInputError, match="do not hold shape"):
        read_npz(archive(x=array((*shape, 3)), y=array("(0,)")), "a")


def test_an_empty_array_is_read():
    assert read_idx(bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 28, 28), "images", axes=3).shape == (0, 28, 28)


# Archives of images


def test_an_archive_whose_directory_lies_before_the_file_is_refused():
    content = npz(x=np.zeros((1, 32, 32, 3), np.uint8), y=np.zeros(1, np.uint8))
    end = content.rindex(b"PK\x05\x06")
    start = struct.unpack("<I", content[end + 16 : end + 20])[0]
    for lie in (start + 3, 2**32 - 2):
        damaged = content[: end + 16] + struct.pack("<I", lie) + content[end + 20 :]
        with pytest.raises(InvalidInputError, match=r"not an \.npz archive"):
            read_npz(damaged, "a")


@pytest.mark.parametrize("shape", ["(True,)", "(True, 32, 32, 3)", "(-1,)", "(2**80,)", "(1.0,)", "((1,),)"])
def test_a_shape_that_is_not_of_whole_numbers_is_refused(shape):
    with pytest.raises(InvalidInputError, match=r"do not hold shape|not an \.npy array"):
        read_npz(archive(x=array(shape, bytes(3072)), y=array("(1,)", b"0")), "a")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_numpy_does_not_write_is_refused(packing):
    """Its window may be of gigabytes."""
    with pytest.raises(InvalidInputError, match="numpy does not write"):
        read_npz(archive(packing, x=array("(1,)", b"0"), y=array("(1,)", b"0")), "a")


def test_two_arrays_together_unpack_to_no_more_than_one_may(monkeypatch):
    content = archive(zipfile.ZIP_DEFLATED, x=array("(6000,)", bytes(6000)), y=array("(6000,)", bytes(6000)))
    monkeypatch.setattr(formats, "MAX_BYTES", 10_000)
    with pytest.raises(InvalidInputError, match="y unpacks to more than 10000 bytes"):
        read_npz(content, "a")


@pytest.mark.slow
def test_a_bomb_of_a_few_hundred_kilobytes_does_not_fill_the_memory():
    content = bomb(190)
    assert len(content) < 500_000
    assert not reads(lambda: read_npz(content, "a"))


# Pickled batches


BATCH_STATE = b"cnumpy.core.multiarray\n_reconstruct\n)R(K\x01"


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}K\x01q\x01" + b"h\x01\x86q\x01" * 45 + b"K\x01s.",  # hashed as a key
        b"\x80\x02}U\x06labels]U\x04data" + BATCH_STATE + b"K\x01q\x01" + b"h\x01\x86q\x01" * 45
        + b"cnumpy\ndtype\nU\x02u1\x85R\x89U\x00tbu.",  # shown as a shape
        b"\x80\x02]q\x01h\x01a.",  # holds itself
        b"\x80\x04\x5d\x94h\x00a.",
    ],
)  # fmt: skip
def test_a_pickle_that_uses_a_container_twice_is_refused(content):
    with pytest.raises(InvalidInputError, match="of a table, list or tuple, which no batch needs"):
        read_batch(content, "data_batch_1")


# Plugins


@pytest.mark.parametrize("path", ["\0", "a\0b.py", "x" * 5000, "\ud800", "a\nb"])
def test_a_path_that_cannot_be_is_no_plugin(path):
    with pytest.raises(PluginError, match="cannot read it") as caught, plugin_files([path]):
        pass
    check_message(str(caught.value))


# Reports


def judged(**changes):
    entry = {"law": "a", "activation": "relu", "statement": "Theta(n)", "verdict": "PASS", "reason": "r"}
    return {"schema": 1, "judgements": [entry | changes], "provenance": {}}


@pytest.mark.parametrize(
    "changes",
    [
        {"slope": {"estimate": 0.5}},
        {"slope": {"estimate": 0.5, "low": None, "high": 1.0}},
        {
            "slope": {"estimate": 0.5, "low": 0, "high": 1},
            "bridge": {"ratio": 1.0, "low": None, "high": 2.0, "agrees": "PASS", "exponent": 0.5, "as_claimed": "PASS"},
        },
    ],
)
def test_an_interval_without_an_end_is_rendered(changes):
    report = report_from_dict(judged(**changes))
    assert "nan" in report.to_markdown()
    assert report.to_csv()
    assert report.to_html()


@pytest.mark.parametrize(
    "cell", [{"sizes": {"n": 10}, "trials": 1, "mean": 1e308}, {"sizes": {"n": 1e250}, "trials": 1}]
)
def test_a_number_that_no_figure_can_show_is_refused(cell):
    with pytest.raises(InvalidInputError, match="which no figure can show"):
        report_from_dict(judged(cells=[cell | {"trials": 1}]))


def test_the_seeds_of_a_report_stay_in_their_folder():
    assert read_report_file(corpus("report")[0])


# Stores


@pytest.mark.parametrize("change", ENDLESS)
def test_a_store_whose_tables_compute_for_ever_is_refused(change, tmp_path):
    """In a process of its own: nothing stops SQLite from inside."""
    (tmp_path / "trials.sqlite").write_bytes(hostile_stores(change)[-1])
    code = "import sys; from bigtheta.numerics.store import Store; s = Store(sys.argv[1]); s.find(['x']); len(s)"
    command = [sys.executable, "-c", code, str(tmp_path / "trials.sqlite")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert "StoreError" in result.stderr.splitlines()[-1]


def test_a_row_nested_deeper_than_python_reads_is_refused():
    assert not read_store(hostile_stores(with_row("[" * 100_000))[-1])


# Command line


@pytest.mark.parametrize("length", [300, 1900, 5000])
def test_a_formula_longer_than_a_file_name_may_be_is_a_formula(length):
    result = CliRunner().invoke(main, ["predict", "n" + "+n" * (length // 2)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code == (0 if length < 2000 else 2)


# File names


@pytest.mark.parametrize("paper", ["~", "..", "*", "\u05d0"])
def test_no_file_name_of_a_report_begins_as_an_option_does(paper):
    assert page_name(paper)[0].isalnum()
    (entry,) = report_from_dict(judged(law=paper, activation=paper)).entries
    assert entry.slug[0].isalnum()
