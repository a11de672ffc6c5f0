"""Tables of samples as programs write them: each is read as it was meant, or refused in one line; none is shifted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from bigtheta.theory.errors import InvalidInputError
from bigtheta.verify.checks import _NOT_FITTED
from bigtheta.verify.cli import main
from bigtheta.verify.judge import judge
from bigtheta.verify.table import FAILED, Table, read_table
from bigtheta.verify.table_shapes import two_point
from bigtheta.verify.verdict import Verdict

TABLES = Path(__file__).with_name("tables")
PLAIN = pd.read_csv(TABLES / "plain.csv")
CLAIM = "Theta(sqrt(n))"


def written(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def assert_same(found: Table, digits: int = 3) -> None:
    """The table is the plain one, to so many digits after the point."""
    plain = read_table(PLAIN)
    assert found.sizes == plain.sizes
    for ours, theirs in zip(found.samples, plain.samples, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.51 * 10.0**-digits)


# --- one table, as many programs write it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "digits", "note"),
    [
        ("plain.csv", 3, ""),
        ("tabs.tsv", 3, ""),
        ("decimal-comma.csv", 2, "commas within the numbers of value are read as decimal commas"),
        ("decimal-comma-semicolon.csv", 2, "commas within numbers are read as decimal commas"),
        ("unnamed-trial.csv", 3, "field 2 of each row, which has no name, numbers the trials"),
        ("trailing-comma.csv", 3, "empty fields at the ends of rows left out"),
        ("value-error.csv", 3, "taken for the error of value and not read"),
        ("wide.csv", 3, "columns run0 to run7 read as 8 runs"),
    ],
)
def test_a_table_is_read_as_it_was_meant(name: str, digits: int, note: str) -> None:
    found = read_table(TABLES / name)
    assert_same(found, digits)
    assert [text for text in found.notes if note not in text] == []
    assert bool(found.notes) == bool(note)
    judged = judge(TABLES / name, statement=CLAIM)
    assert judged.verdict is Verdict.PASS
    assert judged.read_as == found.notes


def test_columns_of_other_names_are_named() -> None:
    own = TABLES / "own-name.csv"
    found = read_table(own, size={"n": "width"}, value="loss")
    assert_same(found)
    assert found.notes == ("not read: seed; --where chooses rows by a column",)
    with pytest.raises(InvalidInputError, match="name one as in --size n=width"):
        judge(own, statement=CLAIM)
    with pytest.raises(InvalidInputError, match="unknown column of samples 'value'"):
        judge(own, statement=CLAIM, size={"n": "width"})
    one = read_table(own, size={"n": "width"}, value="loss", where={"seed": 3})
    assert [cell.tolist() for cell in one.samples] == [[cell[3]] for cell in found.samples]


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def rewritten(write: Callable[[int, float], str], head: str = "n,value") -> str:
    return lines(head, *(write(int(n), v) for n, v in zip(PLAIN["n"], PLAIN["value"], strict=True)))


def point(v: float) -> str:
    return f"{v:.3f}"


def comma(v: float) -> str:
    return point(v).replace(".", ",")


VARIANTS = {
    "byte-order mark": "\ufeff" + rewritten(lambda n, v: f"{n},{point(v)}"),
    "windows lines": rewritten(lambda n, v: f"{n},{point(v)}").replace("\n", "\r\n"),
    "old mac lines": rewritten(lambda n, v: f"{n},{point(v)}").replace("\n", "\r"),
    "quoted": rewritten(lambda n, v: f'"{n}","{point(v)}"', '"n","value"'),
    "spaces around": rewritten(lambda n, v: f" {n} ,  {point(v)} ", " n , value "),
    "blank lines": "\n\n" + rewritten(lambda n, v: f"{n},{point(v)}\n"),
    "rows of commas": rewritten(lambda n, v: f"{n},{point(v)}\n,"),
    "comments": "# made by x\n" + rewritten(lambda n, v: f"{n},{point(v)}").replace("\n100,", "\n# next\n100,", 1),
    "names in a comment": "# " + rewritten(lambda n, v: f"{n} {point(v)}", "n value"),
    "aligned by spaces": rewritten(lambda n, v: f"{n:6d} {v:10.3f}", "     n      value"),
    "bars": rewritten(lambda n, v: f"{n}|{point(v)}", "n|value"),
    "sep= of a spreadsheet": "sep=;\n" + rewritten(lambda n, v: f"{n};{point(v)}", "n;value"),
    "index of pandas": PLAIN.to_csv(),
    "row names of R": rewritten(lambda n, v: "").partition("\n")[0] + "\n"
    + lines(*(f'"{i}",{n},{point(v)}' for i, (n, v) in enumerate(PLAIN.to_numpy(), start=1))),
    "blank last column": rewritten(lambda n, v: f"{n},{point(v)},", "n,value,"),
    "names repeated": rewritten(lambda n, v: f"{n},{point(v)}").replace("\n200,", "\nn,value\n200,", 1),
    "thousands": rewritten(lambda n, v: f'"{n:,}",{point(v)}'),
    "decimal commas of three digits": rewritten(lambda n, v: f"{n};{comma(v)}", "n;value"),
    "decimal commas and thousands": rewritten(lambda n, v: f"{f'{n:,}'.replace(',', '.')};{comma(v)}", "n;value"),
    "decimal commas in quotes": rewritten(lambda n, v: f'{n},"{comma(v)}0"'),
    "decimal commas everywhere": rewritten(lambda n, v: f"{n},00,{comma(v)}"),
    "decimal commas, zeros left out": rewritten(lambda n, v: f"{n},{f'{v:g}'.replace('.', ',')}"),
    "narrow spaces in thousands": rewritten(lambda n, v: f"{f'{n:,}'.replace(',', chr(0x202F))};{point(v)}", "n;value"),
    "exponents": rewritten(lambda n, v: f"{n:.1e},{v:.8E}"),
    "a column n and a column N": rewritten(lambda n, v: f"{n},77,{point(v)}", "n,N,value"),
    "notes before the value": rewritten(lambda n, v: f'{n},"a, b",{point(v)}', "n,note,value"),
    "trials from 1, unnamed": lines(
        "n,value", *(f"{n},{i % 8 + 1},{point(v)}" for i, (n, v) in enumerate(PLAIN.to_numpy()))
    ),
    "rows that are short where nothing is read": rewritten(
        lambda n, v: f"{n},{point(v)}" + (",x" if n > 100 else ""), "n,value,note"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_other_hands(tmp_path: Path, name: str) -> None:
    assert_same(read_table(written(tmp_path, VARIANTS[name])))


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    text = rewritten(lambda n, v: f"{n}\tgr\u00f6\u00dfer\t{point(v)}", "n\tma\u00df\tvalue")
    assert_same(read_table(written(tmp_path, text.encode(encoding))))


def test_packed_tables_whatever_their_name(tmp_path: Path) -> None:
    packed = gzip.compress((TABLES / "tabs.tsv").read_bytes())
    for name in ("tabs.tsv.gz", "tabs.csv"):
        assert_same(read_table(written(tmp_path, packed, name)))


def test_frames_are_read_in_the_same_way() -> None:
    assert_same(read_table(PLAIN.set_index("n")))
    assert_same(read_table(PLAIN.astype(str)))
    wide = PLAIN.assign(run=PLAIN.groupby("n").cumcount()).pivot(index="n", columns="run", values="value")
    assert_same(read_table(wide))
    assert_same(read_table(PLAIN.rename(columns={"n": "width", "value": 3}), size={"n": "width"}, value="3"))


def test_runs_that_are_missing_at_larger_sizes(tmp_path: Path) -> None:
    found = read_table(written(tmp_path, "n,seed_1,seed_2,seed_3\n10,1,2,3\n20,4,5,\n40,6\n"))
    assert [cell.tolist() for cell in found.samples] == [[1, 2, 3], [4, 5], [6]]


def test_the_stem_chooses_among_columns_of_runs(tmp_path: Path) -> None:
    file = written(tmp_path, "n,test0,test1,train0,train1\n10,1,2,3,4\n20,5,6,7,8\n")
    with pytest.raises(InvalidInputError, match="unknown column of samples"):
        read_table(file)
    assert [cell.tolist() for cell in read_table(file, value="train").samples] == [[3, 4], [7, 8]]


# --- refused, in one line that says what would help ------------------------------------------------------------------

REFUSED = {
    "no names": ("50,19.9\n100,28.2\n", "the first line of .* is numbers .50, 19.9.; put a line with the names"),
    "names twice": ("n,value,value\n50,1,2\n", "2 columns are named value"),
    "sizes twice": ("n,n,value\n50,60,2\n", "2 columns are named n"),
    "a row too long": ("n,value\n50,1.5\n100,2.5,7\n", "line 3 has 3 fields .100, 2.5, 7. where 2 are named"),
    "a row too short": ("n,value\n50,1.5\n100\n", "line 3 has too few fields: none for value"),
    "whole numbers that may be decimals": ("n,value\n50,19,95\n100,28,22\n", "line 2 has 3 fields .*decimal commas"),
    "a grid without a name": (
        "n,value\n" + "".join(f"{n},{rate},{n * rate}\n" for n in (50, 100, 200) for rate in (0.5, 0.25)),
        "line 2 has 3 fields .50, 0.5, 25.0. where 2 are named .n, value.: name every column",
    ),
    "two ways": ("n,value\n1,3.25,0.5\n2,4.5,0.25\n3,7.75,1.5\n", "may be read in 2 ways: field 1 .*; or the last"),
    "two fields too many": ("n,value\n50,1.5,2.5,3.5\n", "line 2 has 4 fields"),
    "commas of either kind": ('n,value\n"1,600","2,500"\n"3,200","5,000"\n', "'1,600' may be 1.600 or 1600"),
    "points and commas": ("n;value\n50;19,95\n60;20.75\n", "'19,95' has a decimal comma and '20.75' has none"),
    "units": ("n,value\n50,19.95 ms\n", "expected numbers in column value but got '19.95 ms'"),
    "an error that is not clear": ("n,value,error\n50,19.9,0.4\n100,28.2,0.6\n", "not clear; name the columns mean"),
    "means alone": ("n,mean\n50,19.9\n100,28.2\n", "--value mean"),
    "means without trials": ("n,mean,sd\n50,19.9,0.4\n100,28.2,0.6\n", "add columns sd and trials"),
    "two means of a size": ("n,mean,sd,trials\n50,1,1,5\n50,2,1,5\n", "2 rows of mean, sd, trials at n = 50"),
    "trials that are no number of trials": ("n,mean,sd,trials\n50,1,1,0.5\n", "whole number >= 1 but got trials=0.5"),
    "a negative deviation": ("n,mean,sd,trials\n50,1,-1,5\n", "a number >= 0 but got sd=-1"),
    "only a column N": ("N,value\n50,1\n", "name one as in --size n=N"),
    "a spreadsheet's own format": (b"PK\x03\x04\0\0", "it is no text; export it as CSV"),
    "nothing": ("\n# none\n", "it is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_tables_that_are_refused(tmp_path: Path, name: str) -> None:
    content, words = REFUSED[name]
    with pytest.raises(InvalidInputError, match=words) as caught:
        read_table(written(tmp_path, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"size": {"m": "n"}}, "unknown size 'm'"),
        ({"size": {"n": "widht"}}, "unknown column of sizes 'widht'"),
        ({"size": {"n": "value"}, "value": "value"}, "given as a size and as the value"),
        ({"where": {"seeds": 1}}, "unknown column in where 'seeds'"),
        ({"where": {"n": 51}}, "no rows with n = 51|rows with n = 51 but there are none; n is 50, 100"),
    ],
)
def test_names_that_are_not_there(given: dict[str, dict[str, str]], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        read_table(PLAIN, **given)  # type: ignore[arg-type]


def test_names_are_of_tables() -> None:
    with pytest.raises(InvalidInputError, match="size, where are of a table"):
        judge({"n": [1, 2]}, [[1.0], [2.0]], CLAIM, size={"n": "m"}, where={"a": 1})


# --- means with their deviations -------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["n,mean,sd,trials", "n,loss_mean,loss_std,loss_count", "n,Mean,STD,n_trials"])
def test_means_are_judged_by_their_standard_error(tmp_path: Path, head: str) -> None:
    text = (TABLES / "mean-sd.csv").read_text().replace("n,mean,sd,trials", head)
    found = judge(written(tmp_path, text), statement=CLAIM, value="loss" if "loss" in head else None)
    assert found.verdict is Verdict.PASS
    assert "the mean is judged" in found.read_as[0]
    assert [cell.mean for cell in found.cells] == pytest.approx([21.213, 30.0, 42.426, 60.0, 84.853, 120.0])
    width = np.log([cell.high / cell.low for cell in found.cells])
    np.testing.assert_allclose(width, 2 * 1.96 * 0.05 / np.sqrt(8), rtol=0.05)
    with pytest.raises(InvalidInputError, match="a table of means has no geomean"):
        judge(written(tmp_path, text), statement=CLAIM, estimand="geomean", value="loss" if "loss" in head else None)


def test_a_standard_error_is_the_deviation_of_the_mean(tmp_path: Path) -> None:
    frame = pd.read_csv(TABLES / "mean-sd.csv")
    errors = frame.assign(sem=frame["sd"] / np.sqrt(frame["trials"])).drop(columns="sd")
    one, other = judge(frame, statement=CLAIM), judge(errors, statement=CLAIM)
    assert (other.estimate, other.low, other.high) == pytest.approx((one.estimate, one.low, one.high), rel=1e-9)


def test_means_are_judged_as_the_samples_they_are_of() -> None:
    rng = np.random.default_rng(4)
    n = np.repeat([20, 40, 80, 160, 320, 640], 60)
    frame = pd.DataFrame({"n": n, "value": n * rng.exponential(size=len(n))})
    means = frame.groupby("n")["value"].agg(["mean", "std", "count"])
    for statement in ("Theta(n)", "Limit(n)"):
        one, other = judge(frame, statement=statement, estimand="mean"), judge(means, statement=statement)
        assert one.verdict is other.verdict
        assert (other.estimate, other.low, other.high) == pytest.approx((one.estimate, one.low, one.high), rel=0.03)


def test_very_many_trials_are_thinned_and_said(tmp_path: Path) -> None:
    frame = pd.read_csv(TABLES / "mean-sd.csv")
    many = judge(frame.assign(trials=10**9, sd=frame["sd"] * 1e3), statement=CLAIM)
    same = judge(frame.assign(trials=10**5, sd=frame["sd"] * 10), statement=CLAIM)
    assert (many.estimate, many.high) == pytest.approx((same.estimate, same.high))
    assert any("100000" in note for note in many.read_as)


@pytest.mark.parametrize(
    ("mean", "spread", "trials"), [(3, 4, 8), (1, 0.1, 2), (5, 0, 3), (2, 9, 50), (1, 2, 5), (-1, 3, 4)]
)
def test_two_values_have_the_mean_and_deviation(mean: float, spread: float, trials: int) -> None:
    found = two_point(mean, spread, trials)
    assert len(found) == trials
    assert found.mean() == pytest.approx(mean)
    assert found.std(ddof=1) == pytest.approx(spread)
    assert mean < 0 or found.min() >= 0


def test_a_deviation_that_no_positive_samples_have_is_refused() -> None:
    with pytest.raises(ValueError, match="more than sqrt"):
        two_point(1.0, 3.0, 4)


# --- the trials of a report ------------------------------------------------------------------------------------------


def trials_of(law: str, activation: str, power: float, *, control: bool = False, status: str = "ok") -> pd.DataFrame:
    rng = np.random.default_rng(len(activation))
    n = np.repeat([16, 32, 64, 128, 256, 512], 12)
    return pd.DataFrame({
        "activation": activation, "n": n, "d": 2 * n, "trial": np.tile(np.arange(12), 6),
        "value": n**power * np.exp(0.05 * rng.standard_normal(len(n))), "residual": 1e-15, "condition": 20.0,
        "status": status, "law": law, "control": control,
    })  # fmt: skip


OURS = pd.concat([
    trials_of("a/one", "relu", 0.5), trials_of("a/one", "-u", 0.5), trials_of("a/one", "abs", 0.0, control=True),
    trials_of("a/two", "relu", 1.0), trials_of("a/one", "relu", 3.0, status="failed"),
])  # fmt: skip


def test_our_own_trials_are_judged_one_law_and_activation_at_a_time(tmp_path: Path) -> None:
    from bigtheta.verify.report.sheet import frame_csv

    file = written(tmp_path, frame_csv(OURS), "trials.csv")
    with pytest.raises(InvalidInputError, match="--where law=a/one"):
        judge(file, statement=CLAIM)
    with pytest.raises(InvalidInputError, match="--where activation=relu"):
        judge(file, statement=CLAIM, where={"law": "a/one"})
    for activation in ("relu", "-u"):
        found = judge(file, statement=CLAIM, where={"law": "a/one", "activation": activation})
        assert found.verdict is Verdict.PASS
        assert [cell.trials for cell in found.cells] == [12] * 6
    assert found.read_as == ()
    told = judge(file, statement=CLAIM, where={"law": "a/one", "activation": "relu"}).read_as
    assert told == ("72 of 144 trials that failed left out",)
    assert judge(file, statement="Theta(n)", where={"law": "a/two"}).verdict is Verdict.PASS
    control = judge(file, statement="Theta(1)", where={"activation": "abs", "control": "true"})
    assert control.verdict is Verdict.PASS, "asked for, controls are read"
    with pytest.raises(InvalidInputError, match="all 72 trials are of controls"):
        judge(file, statement="Theta(1)", where={"activation": "abs"})


def test_a_statement_control_does_not_count_rows_twice() -> None:
    law = trials_of("a/one", "relu", 0.5)
    found = judge(pd.concat([law, law.assign(control=True)]), statement=CLAIM)
    assert [cell.trials for cell in found.cells] == [12] * 6
    assert found.read_as == ("72 of 144 trials of controls left out",)


def test_failed_means_here_what_it_means_for_a_law() -> None:
    assert frozenset(_NOT_FITTED) == FAILED


def test_several_models_or_quantities_are_not_pooled() -> None:
    for name in ("model", "quantity", "law"):
        frame = PLAIN.assign(**{name: ["a", "b"] * 24})
        with pytest.raises(InvalidInputError, match=f"--where {name}=a"):
            judge(frame, statement=CLAIM)
        assert judge(frame, statement=CLAIM, where={name: "b"}).verdict is Verdict.PASS


# --- the command -----------------------------------------------------------------------------------------------------


def command(*arguments: str | Path) -> tuple[int, str, str]:
    ran = CliRunner().invoke(main, ["judge", *map(str, arguments)])
    return ran.exit_code, ran.stdout, ran.stderr


def test_the_command_says_how_it_read_on_stderr_alone() -> None:
    code, out, err = command(TABLES / "wide.csv", "--statement", CLAIM, "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "PASS")
    assert err == "table: columns run0 to run7 read as 8 runs of one quantity\n"
    names = ("--size", "n=width", "--value", "loss", "--where", "seed=1", "--where", "width=50")
    code, out, _ = command(TABLES / "own-name.csv", "--statement", CLAIM, *names)
    assert (code, out.startswith("INCONCLUSIVE")) == (3, True)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--size", "width"], "--size: expected NAME=COLUMN such as n=width but got 'width'"),
        (["--where", "=1"], "--where: expected COLUMN=VALUE such as activation=relu but got '=1'"),
        (["--size", "n=a", "--size", "n=b"], "--size: n is given twice, 'a' and 'b'"),
    ],
)
def test_flags_that_are_refused(flags: list[str], words: str) -> None:
    ran = CliRunner().invoke(main, ["judge", str(TABLES / "plain.csv"), "--statement", CLAIM, *flags])
    assert isinstance(ran.exception, InvalidInputError) or ran.exit_code == 2
    assert words in (ran.output + str(ran.exception))
