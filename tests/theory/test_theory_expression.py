"""The formula reader against Python's own arithmetic, and against inputs made to break it."""

import contextlib
import math
import signal
import time
from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from bigtheta.theory.errors import InvalidInputError
from bigtheta.theory.expression import FUNCTIONS, MAX_LEVELS, parse_expression

n, d, u = sympy.Symbol("n", positive=True), sympy.Symbol("d", positive=True), sympy.Symbol("u", real=True)
NAMES = {"n": n, "d": d, "u": u}
SECONDS = 60.0
"""Of the processor, so that a busy machine breaks nothing; what is read takes thousandths of one."""


class OutOfTimeError(BaseException):
    """Not an Exception, so that no `except Exception` on the way swallows it."""


@contextlib.contextmanager
def within(seconds):
    """Stop what takes more of the processor, where the platform has SIGPROF."""
    if not hasattr(signal, "SIGPROF"):
        yield
        return

    def stop(number, frame):
        raise OutOfTimeError(f"still running after {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


N, D = 7, 3
VALUES = [
    ("n", N),
    ("  n ", N),
    ("+n", N),
    ("2*n + d", 2 * N + D),
    ("1 - -n", 1 + N),
    ("-n**2", -(N**2)),
    ("(-n)**2", N**2),
    ("n^2", N**2),
    ("2**3**2", 512),
    ("(2**3)**2", 64),
    ("2**-1", 0.5),
    ("n - d - 1", N - D - 1),
    ("n/d/2", N / D / 2),
    ("n/(d/2)", N / (D / 2)),
    ("n*d**2", N * D * D),
    ("(n\n + 1)", N + 1),
    ("0x10 + 1_000", 1016),
    (".5 + 5.", 5.5),
    ("1e3", 1000),
    ("pi*e", math.pi * math.e),
    ("sqrt(n)", math.sqrt(N)),
    ("n**(1/3)", N ** (1 / 3)),
    ("log(n)", math.log(N)),
    ("ln(n)", math.log(N)),
    ("E", math.e),
    ("log(n, 2)", math.log2(N)),
    ("log(log(n))", math.log(math.log(N))),
    ("exp(-n)", math.exp(-N)),
    ("abs(d - n)", N - D),
    ("min(n, d, 5)", D),
    ("max(n, d, 5)", N),
    ("min(n, n)", N),
    ("sin(n)", math.sin(N)),
    ("cos(n)", math.cos(N)),
    ("tan(n)", math.tan(N)),
    ("sinh(d)", math.sinh(D)),
    ("cosh(d)", math.cosh(D)),
    ("tanh(d)", math.tanh(D)),
    ("atan(n)", math.atan(N)),
    ("arctan(n)", math.atan(N)),
    ("erf(1/n)", math.erf(1 / N)),
    ("erfc(1/n)", math.erfc(1 / N)),
    ("sign(d - n)", -1),
    ("heaviside(n - d)", 1),
    ("heaviside(n - 7)", 0),  # 0 at 0: the subgradient that relu' takes
    ("heaviside(d - n)", 0),
    ("heaviside(n - 7, 1/2)", 0.5),
    ("sqrt(n*d)*log(n)**2/0.5", 2 * math.sqrt(N * D) * math.log(N) ** 2),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_values_are_those_of_python(text, value):
    got = parse_expression(text, NAMES).subs({n: N, d: D})
    assert float(got) == pytest.approx(value, rel=1e-14, abs=1e-15)


def test_every_function_is_in_the_table_of_values():
    written = " ".join(text for text, _ in VALUES)
    assert [name for name in FUNCTIONS if f"{name}(" not in written] == []


@pytest.mark.parametrize(
    ("text", "at_three", "at_nine"),
    [
        ("n < d", True, False),
        ("n <= 3", True, False),
        ("n > d", False, True),
        ("n >= 9", False, True),
        ("n == 3", True, False),
        ("n != 3", False, True),
    ],
)
def test_comparisons(text, at_three, at_nine):
    relation = parse_expression(text, NAMES).subs(d, 5)
    assert bool(relation.subs(n, 3)) is at_three
    assert bool(relation.subs(n, 9)) is at_nine


DECIMALS = [
    "0.1", "1e-5", "3.14", "0.30000000000000004", "123456789.1234567", "2.5e3", "1e23", ".125", "1e-300", "7", "5.",
    "0.1000000000000000000001", "12345678901234567890.5", "3.14159265358979323846", "1e-400", "1e400", "1E3", "1.5e+2",
    "0." + "1" * 300, "9" * 401,
]  # fmt: skip


@pytest.mark.parametrize("text", DECIMALS)
def test_decimals_are_exact_fractions(text):
    got = parse_expression(text, {})
    expected = Fraction(text)  # the standard library's reading of the same decimal
    assert isinstance(got, sympy.Rational)
    assert (got.p, got.q) == (expected.numerator, expected.denominator)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 + 0.2", (3, 10)),
        ("1/3 + 1/6", (1, 2)),
        ("0.1**3", (1, 1000)),
        ("3*0.1 - 0.3", (0, 1)),
        ("2*0.35", (7, 10)),
    ],
)
def test_decimal_arithmetic_has_no_rounding(text, expected):
    got = parse_expression(text, {})
    assert (got.p, got.q) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, (3, 1)), ("0.1", (1, 10)), (0.1, (0.1).as_integer_ratio()), (Fraction(1, 3), (1, 3)), (-2, (-2, 1))],
)
def test_numbers_are_read_too(value, expected):
    got = parse_expression(value, {})
    assert (got.p, got.q) == expected


def arithmetic():
    """Random sums, products and quotients: the text, and its value in the standard library's fractions."""
    numbers = st.integers(0, 99).map(lambda i: (str(i), Fraction(i)))
    decimals = st.integers(1, 999).map(lambda i: (f"{i // 100}.{i % 100:02d}", Fraction(i, 100)))

    def combine(children):
        def join(parts):
            (a, x), operation, (b, y) = parts
            if operation == "/" and y == 0:
                operation = "-"
            value = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else x}[operation]
            return f"({a} {operation} {b})", value

        return st.tuples(children, st.sampled_from("+-*/"), children).map(join)

    return st.recursive(numbers | decimals, combine, max_leaves=12)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(arithmetic())
def test_arithmetic_is_exact(pair):
    text, value = pair
    got = parse_expression(text, {})
    assert Fraction(int(got.p), int(got.q)) == value


HOSTILE = [
    "__import__('os').system('true')",
    "__import__('os')",
    "__builtins__",
    "n.__class__",
    "n.__class__.__mro__",
    "().__class__.__bases__[0].__subclasses__()",
    "n.free_symbols",
    "sqrt.func",
    "sqrt(n).func",
    "lambda: 1",
    "lambda x: x",
    "(lambda: 1)()",
    "(lambda f: f(f))(lambda f: f(f))",
    "n[0]",
    "n[0:1]",
    "{}[n]",
    "'a'",
    '"n"',
    "b'a'",
    "f'{n}'",
    "'a'*10**9",
    "9**9**9",
    "9^9^9",
    "(10**999)**999",
    "10**10**10**10",
    "(10**400)**10",
    "2**10000",
    "2**(10**5)",
    "2**-100000",
    "(1/3)**100000",
    "(1 + 1/3)**10000",
    "pi**10000**2",
    "e**e**e**e",
    "9" * 1900 + "**2",
    "9" * 999 + "*" + "9" * 999 + "*" + "9" * 999,
    "1e5000",
    "1e999999999",
    "1e-999999999",
    "0x" + "f" * 3000,
    "exp(10**9*log(2))",
    "exp(10**300*log(2))",
    "2**exp(exp(exp(100)))",
    "max(exp(exp(exp(exp(100)))), 1)",
    "exp(exp(exp(exp(exp(100))))) < 1",
    "cos(exp(100**7))",
    "heaviside(erfc(exp(100**7)))",
    "(3*sqrt(2))**10000",
    "((3*pi)**10000)**10000",
    "n**(10**400)",
    "sqrt(" * 61 + "n" + ")" * 61,
    "-" * 100 + "n",
    "(" * 250 + "n",
    "(" * 250 + "n" + ")" * 250,
    "[" * 250 + "]" * 250,
    "n" + "+n" * 2000,
    "n" * 3000,
    " " * 3000 + "+",
    "[n for n in (1, 2)]",
    "{n for n in (1, 2)}",
    "(n for n in (1, 2))",
    "{n: 1}",
    "{n}",
    "[n]",
    "(n, 1)",
    "n,",
    "(n := 3)",
    "n := 3",
    "n = 3",
    "n += 1",
    "n; n",
    "n\nn",
    "import os",
    "del n",
    "assert n",
    "print(n)",
    "exec('1')",
    "eval('1')",
    "open('/etc/passwd')",
    "getattr(n, 'func')",
    "globals()",
    "breakpoint()",
    "exit()",
    "sympify('1')",
    "N(n)",
    "I",
    "oo",
    "zoo",
    "nan",
    "inf",
    "S",
    "n if n else 1",
    "not n",
    "~n",
    "n and 1",
    "n or 1",
    "n is 1",
    "n in n",
    "n < 2 < 3",
    "n @ n",
    "n // 2",
    "n % 2",
    "n << 2",
    "n >> 2",
    "n & n",
    "n | n",
    "await n",
    "yield n",
    "*n",
    "**n",
    "sqrt(*[1])",
    "sqrt(**{'arg': 1})",
    "sqrt(x=n)",
    "sqrt(n, evaluate=False)",
    "sqrt(8, 3)",
    "sqrt(n, n)",
    "log(n, 1)",
    "log(n, base=2)",
    "abs(n, foo=3)",
    "abs(n, evaluate=0)",
    "max(n, 1, foo=3)",
    "max(n, 1, evaluate=0)",
    "heaviside(x=n)",
    "sqrt()",
    "sqrt(n, n, n)",
    "log()",
    "log(n, 2, 3)",
    "min()",
    "max()",
    "erf(n, n)",
    "heaviside(n, 2, 3)",
    "sqrt",
    "n(3)",
    "3(n)",
    "True",
    "None",
    "...",
    "1j",
    "2 + 1j",
    "1/0",
    "n/0",
    "0**-1",
    "log(0)",
    "tan(pi/2)",
    "sin(n < 1)",
    "cos(n < 1)",
    "tanh(n < 1)",
    "erf(n < 1)",
    "log(n < 1)",
    "exp(n < 1)",
    "sign(n < 1)",
    "atan(1 < 2)",
    "cosh(n == 1)",
    "(n < 1) < 2",
    "2**(n < 1)",
    "(n < 1) + 1",
    "-(n < 1)",
    "sqrt(n < 1)",
    "max(n < 1, 2)",
    "",
    "   ",
    "\t\n",
    "#",
    "\\",
    "--",
    "1e",
    "2n",
    "n!",
    "sqrt n",
    "n***2",
    "n^^2",
    "1.5.2",
    "\x00",
    "n\x00",
    "\ud800",
    "n\u2060",
    "√n",
    "n²",
    "π",
    "∞",
    "n·d",
    "n÷2",
    "２n",
    "🙂",
    "ⅰ",
    "\u202en",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[ascii(text[:40]) for text in HOSTILE])
def test_hostile_text_is_refused_quickly(text):
    start = time.process_time()
    with within(SECONDS), pytest.raises(InvalidInputError) as caught:
        parse_expression(text, NAMES)
    assert time.process_time() - start < SECONDS
    message = str(caught.value)
    assert message.startswith("expression")
    assert len(message) < 500  # an error does not print a megabyte back


@pytest.mark.parametrize("value", [None, True, False, [], {}, b"n", 1j, object(), ["n"], math.inf, math.nan, n])
def test_only_text_and_finite_numbers_are_read(value):
    with pytest.raises(InvalidInputError, match="expression"):
        parse_expression(value, NAMES)


@pytest.mark.parametrize(
    "text",
    ["((3*n)**10000)**10000", "((n/7)**9999)**9999", "(((n+1)**9999)**9999)**9999", "n**(10**30)", "(7*n)**9999"],
)
def test_towers_behind_a_symbol_are_refused_quickly(text):
    with within(SECONDS), pytest.raises(InvalidInputError, match=r"too large|too many"):
        parse_expression(text, NAMES)


def test_max_of_many_ends_quickly():
    many = ",".join(f"n**{i}" for i in range(100))
    with within(SECONDS), pytest.raises(InvalidInputError, match="max takes at most 16 arguments but got 100"):
        parse_expression(f"max({many})", NAMES)
    with within(SECONDS):
        few = ",".join(f"n**{i}" for i in range(16))
        assert parse_expression(f"max({few})", NAMES).subs(NAMES["n"], 2) == 2**15


@pytest.mark.parametrize(
    "text",
    [
        "((2*n)**100)**30",
        "(n/3)**2000",
        "exp(30000*log(3*n))",
    ],
)
def test_what_is_read_can_be_printed(text):
    try:
        got = parse_expression(text, NAMES)
    except InvalidInputError:
        return
    assert len(str(got)) < 5000


def test_the_largest_numbers_can_be_printed():
    for text in ("2**4000", "9" * 1900, "10**1000", "1e2400", "(1/3)**2000"):
        assert len(str(parse_expression(text, {}))) < 5000


def test_a_long_sum_is_not_nested():
    assert parse_expression("+".join(["n"] * 900), NAMES) == 900 * n
    assert parse_expression("n*2" + "-n*2+d" * 100, NAMES) == -198 * n + 100 * d
    with pytest.raises(InvalidInputError, match="nested deeper than 60"):
        parse_expression("sqrt(" * 61 + "n" + ")" * 61, NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Max(n, d)", sympy.Max(n, d)), ("Min(n, d)", sympy.Min(n, d)), ("Abs(u)", sympy.Abs(u)), ("E*n", sympy.E * n)],
)
def test_what_sympy_writes_is_read_back(text, expected):
    assert parse_expression(text, NAMES) == expected
    assert parse_expression(str(expected), NAMES) == expected


def refused_or_read(text):
    """Read the text; the only error allowed is the one that the user can act on."""
    with within(SECONDS):
        try:
            result = parse_expression(text, NAMES)
        except InvalidInputError:
            return None
    assert isinstance(result, sympy.Basic)
    return result


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    result = refused_or_read(text)
    assert result is None or result.free_symbols <= {n, d, u}


TOKENS = ["n", "d", "u", "2", "3", "0.5", "1e2", "+", "-", "*", "/", "**", "^", "(", ")", ",", ".", "sqrt(", "log(",
          "sin(", "abs(", "min(", "[", "]", "'", "lambda", ":", "=", "if", "else", "_", "\n", "\\"]  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=12))
def test_any_tokens_are_read_or_refused(tokens):
    result = refused_or_read(" ".join(tokens))
    assert result is None or result.free_symbols <= {n, d, u}


FORMULAS = st.recursive(
    st.sampled_from(["n", "d", "u", "2", "3", "1/2", "0.1", "pi"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(lambda p: f"({p[0]}{p[1]}{p[2]})"),
        st.tuples(inner, st.sampled_from(["2", "1/2", "-1"])).map(lambda p: f"({p[0]})**({p[1]})"),
        st.tuples(st.sampled_from(["sqrt", "log", "tanh", "erf", "atan", "sign"]), inner).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(FORMULAS)
def test_any_formula_is_read_or_refused(text):
    result = refused_or_read(text)
    assert result is None or not result.has(sympy.zoo, sympy.nan, sympy.oo)


def test_the_length_limit_is_where_the_message_says():
    assert parse_expression("n" + " " * 1998 + " ", NAMES) == n
    with pytest.raises(InvalidInputError, match="does not parse"):
        parse_expression("n" + " " * 1998 + "+", NAMES)
    with pytest.raises(InvalidInputError, match="2001 characters long; at most 2000 are read"):
        parse_expression("n" + " " * 1999 + "+", NAMES)


def test_names_given_shadow_nothing_but_the_constants():
    assert parse_expression("pi", {}) == sympy.pi
    assert parse_expression("pi", {"pi": n}) == n
    with pytest.raises(InvalidInputError, match="unknown symbol 'd'"):
        parse_expression("d", {"n": n})


def test_functions_within_functions_are_counted():
    def nested(count):
        return parse_expression("tanh(" * count + "u" + ")" * count, {"u": u})

    assert nested(MAX_LEVELS).has(u)
    with pytest.raises(InvalidInputError):
        nested(MAX_LEVELS + 1)
