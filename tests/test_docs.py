"""README and the pages in docs: every command and code block is run, or says why not and is at least parsed.

The blocks of a page are run in order in one empty folder. A block with `title="NAME"` is written to that file. ``sh``
must end with exit code 0; a ``console`` block is commands after `$ ` with what they print on standard output, where a
line of dots stands for any lines; ``pycon`` is a doctest; ``python`` blocks of a page share their names. `<!-- not run:
REASON -->` before a block leaves it out, and what it asks of bigtheta must still exist. Generated pages are
parsed only.
"""

import ast
import doctest
import html
import os
import re
import shlex
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
import yaml
from markdown_it import MarkdownIt

import bigtheta
from bigtheta.theory.errors import BigthetaError
from bigtheta.theory.law import find_laws, laws
from bigtheta.theory.spec import read_spec
from bigtheta.verify.cli import main
from bigtheta.verify.verdict import Verdict

ROOT = Path(__file__).resolve().parent.parent
GENERATED = [*sorted((ROOT / "docs" / "papers").glob("*.md")), ROOT / "docs" / "coverage.md"]
PAGES = [ROOT / "README.md", *(f for f in sorted((ROOT / "docs").rglob("*.md")) if f not in GENERATED)]
LANGUAGES = {"console", "json", "python", "pycon", "sh", "tex", "text", "toml", "yaml"}
MARKER = re.compile(r"<!-- not run: (?P<reason>\S.*?) -->", re.DOTALL)
TITLE = re.compile(r'title="(?P<name>[\w./-]+)"')
RUN = {"console", "python", "pycon", "sh", "toml"}
FINISHED = {0, 1, 3}
"""Exit codes of a command that did its work, whatever the verdict."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    title: str | None
    skipped: str | None
    text: str

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line} ({self.language})"


def blocks(page):
    """The fenced blocks of a page in order."""
    found, reason = [], None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            marker = MARKER.fullmatch(token.content.strip())
            reason = marker["reason"] if marker else None
            continue
        if token.type == "fence":
            language, _, rest = token.info.strip().partition(" ")
            title = TITLE.search(rest)
            name = title["name"] if title else None
            found.append(Block(page, token.map[0] + 1, language, name, reason, token.content))
        elif token.type == "code_block":
            found.append(Block(page, token.map[0] + 1, "indented", None, reason, token.content))
        reason = None
    return found


ALL = [block for page in (*PAGES, *GENERATED) for block in blocks(page)]


def ids(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


# --- what a block asks for exists -----------------------------------------------------------------------------------


def commands(text):
    """The simple commands of a shell text, as lists of words."""
    for line in text.replace("\\\n", " ").splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
        reader.whitespace_split = True
        reader.commenters = "#"
        words = []
        for word in (*reader, ";"):
            if set(word) <= set("|&;()"):
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def check_command(words):
    """Raise if a command asks bigtheta, make or pip for what is not there."""
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    for sign in ("<", ">", ">>"):
        words = words[: words.index(sign)] if sign in words else words
    program = words[0].rpartition("/")[2] if words else ""
    if program == "bigtheta":
        check_bigtheta(words[1:])
    elif program == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {w for w in words[1:] if "=" not in w} <= set(targets)
    elif "install" in words:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        for word in words:
            if asked := re.search(r"\[(.+)\]", word):
                assert set(asked[1].split(",")) <= set(extras)


def check_bigtheta(arguments):
    """Parse the arguments as the command does, and look up the laws and activations that they name."""
    if arguments[0].startswith("-"):
        with pytest.raises(click.exceptions.Exit), main.make_context("bigtheta", list(arguments)):
            pass
        return
    command = main.commands[arguments[0]]
    extended = "--plugin" in arguments
    while "--plugin" in arguments:  # the file is another block of the page, or the reader's
        at = arguments.index("--plugin")
        arguments = [*arguments[:at], *arguments[at + 2 :]]
    try:
        context = command.make_context(arguments[0], list(arguments[1:]))
    except click.exceptions.Exit:  # --help
        return
    given = context.params
    if extended:
        return
    named = [given["law"]] if "law" in given else list(given.get("laws") or ())
    find_laws(tuple(name for name in named if not name.endswith(".toml")), paper=given.get("paper"))
    several = given.get("activations") or given.get("acts") or ()
    for name in (*several, *(given[key] for key in ("activation", "act") if given.get(key))):
        bigtheta.activation(name)


def check_names(text):
    """Raise unless each attribute of bigtheta that a Python text uses is there."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bigtheta":
            getattr(bigtheta, node.attr)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bigtheta"):
            module = __import__(node.module, fromlist=["names"])
            for name in node.names:
                getattr(module, name.name)


def check_block(block):
    if block.language == "sh":
        for words in commands(block.text):
            check_command(words)
    elif block.language == "console":
        for command, _ in transcript(block.text):
            for words in commands(command):
                check_command(words)
    elif block.language == "python":
        check_names(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "yaml":
        yaml.safe_load(block.text)


@pytest.mark.parametrize("page", [*PAGES, *GENERATED], ids=ids([*PAGES, *GENERATED]))
def test_what_a_page_asks_for_exists(page):
    for block in blocks(page):
        try:
            check_block(block)
        except (
            AssertionError,
            AttributeError,
            KeyError,
            SyntaxError,
            ValueError,
            click.UsageError,
            BigthetaError,
        ) as e:
            raise AssertionError(f"{block}: {type(e).__name__}: {e}") from e


def test_every_block_says_what_it_is():
    assert len(ALL) > 100
    assert [str(block) for block in ALL if block.language not in LANGUAGES] == []
    generated = [block for block in ALL if block.page in GENERATED]
    assert {block.language for block in generated} == {"sh"}
    unexplained = [b for b in ALL if b.language not in RUN and b.title is None and b.skipped is None]
    assert [str(block) for block in unexplained] == []


@pytest.mark.parametrize(
    "text",
    [
        "bigtheta verify rf-kernell",
        "bigtheta verify rf-kernel --bujdet 3",
        "echo a; bigtheta check x.toml --profile quickest | cat",
        "bigtheta verify rf-kernel -a rellu",
        "bigtheta verfy",
        "make tset",
        "pip install 'bigtheta[clutser]'",
    ],
)
def test_a_command_that_asks_for_nothing_there_is_found(text):
    wrong = (AssertionError, KeyError, click.UsageError, BigthetaError)
    with pytest.raises(wrong):  # noqa: PT012
        for words in commands(text):
            check_command(words)


# --- the blocks are run ---------------------------------------------------------------------------------------------


def transcript(text):
    """Commands after `$ `, each with what it printed; a command goes on after a backslash."""
    steps = []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append([line[2:], []])
        elif steps and steps[-1][0].endswith("\\") and not steps[-1][1]:
            steps[-1][0] += f"\n{line}"
        else:
            assert steps, f"expected a line that starts with '$ ' but got {line!r}"
            steps[-1][1].append(line)
    return [(command, "\n".join(printed)) for command, printed in steps]


def agrees(expected, got):
    """Whether a text is the one expected, but for space at the ends of lines; a line `...` stands for any lines."""
    lines = [line.rstrip() for line in expected.strip().splitlines()]
    pattern = "\n".join(
        r"(?:.*\n)*?.*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") for line in lines
    )
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in got.strip().splitlines())) is not None


def bash(text, folder):
    """Run a shell text as a reader would, with the commands of this environment, on one core."""
    core = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "0")))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",  # what is printed is rounded, and a GPU rounds otherwise
    }
    for name in [name for name in environment if name.startswith(("PYTEST_", "BIGTHETA_"))]:
        del environment[name]

    def pin():
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[core % len(cores)]})

    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder, env=environment, preexec_fn=pin, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def check_verdicts(text, names):
    """Raise unless each verdict that a Python text promises, as in `print(x.verdict)  # Verdict.PASS`, came out."""
    for expression, promised in re.findall(r"^print\((.+)\)  # (Verdict\.\S+)$", text, re.MULTILINE):
        got = eval(expression, names)  # noqa: S307
        assert str(got) == promised, f"{expression} is {got} and not {promised}"


def run_block(block, folder, names):
    """Run a block; raise AssertionError if it does not do what the page says."""
    if block.title is not None:
        file = folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    if block.language == "sh":
        done = bash(block.text, folder)
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    elif block.language == "console":
        for command, expected in transcript(block.text):
            done = bash(command, folder)
            assert done.returncode in FINISHED, f"{command}\nexit code {done.returncode}\n{done.stderr[-2000:]}"
            assert agrees(expected, done.stdout), f"{command}\nprinted\n{done.stdout}\nand not\n{expected}"
    elif block.language == "toml" and block.title is None and "law" in tomllib.loads(block.text):
        file = folder / "spec-of-the-page.toml"
        file.write_text(block.text, encoding="utf-8")
        assert read_spec(file).name
    elif block.language == "toml" and block.title is not None and "law" in tomllib.loads(block.text):
        assert read_spec(folder / block.title).name
    elif block.language == "python" and block.title is None:
        exec(compile(block.text, str(block), "exec"), names)  # noqa: S102
        check_verdicts(block.text, names)
    elif block.language == "pycon":
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        example = doctest.DocTestParser().get_doctest(block.text, names, str(block), str(block.page), block.line)
        said = []
        doctest.DocTestRunner(optionflags=flags).run(example, out=said.append, clear_globs=False)
        names.update(example.globs)
        assert not said, "".join(said)


def has_something_to_run(page):
    return any(block.language in RUN and block.skipped is None for block in blocks(page))


RUNNING = [page for page in PAGES if has_something_to_run(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNING, ids=ids(RUNNING))
def test_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    todo = [block for block in blocks(page) if block.skipped is None]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names = {"__name__": "__page__"}
    with ExitStack() as stack:
        if find_spec("matplotlib"):
            import matplotlib.pyplot as plt

            stack.callback(plt.close, "all")
        for block in todo:
            try:
                run_block(block, tmp_path, names)
            except Exception as error:
                raise AssertionError(f"{block}\n{error}") from error


def test_readme_promises_two_verdicts_in_python():
    (text,) = [b.text for b in blocks(ROOT / "README.md") if b.language == "python" and "bigtheta.judge(" in b.text]
    assert re.findall(r"# (Verdict\.\S+)$", text, re.MULTILINE) == ["Verdict.PASS"] * 2


def test_a_verdict_that_is_not_true_is_found():
    text = "print(found.verdict)  # Verdict.PASS\nprint(found.frame)  # a row for each judgement\n"
    check_verdicts(text, {"found": SimpleNamespace(verdict=Verdict.PASS)})
    with pytest.raises(AssertionError, match=r"found.verdict is Verdict.FAIL and not Verdict.PASS"):
        check_verdicts(text, {"found": SimpleNamespace(verdict=Verdict.FAIL)})


def test_a_transcript_that_is_not_true_is_found():
    assert agrees("a\n...\nz 1...3", "a\nb\nc\nz 1.23\n")
    assert agrees("a\n...", "a\n\nb")
    assert not agrees("a\nb", "a\nc")
    assert not agrees("a\n...\nz", "a\nb")
    assert transcript("$ one \\\n    two\nthree\n$ four") == [("one \\\n    two", "three"), ("four", "")]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("ver", ["verify"]), ("verify --prof", ["--profile"]), ("verify --profile st", ["standard"]), ("zzz", [])],
)
def test_the_shell_completes_commands_options_and_choices(typed, offered, tmp_path):
    words = ["bigtheta", *typed.split()]
    asked = f"_BIGTHETA_COMPLETE=bash_complete COMP_WORDS={shlex.quote(' '.join(words))} COMP_CWORD={len(words) - 1}"
    done = bash(f"{asked} bigtheta", tmp_path)
    assert [line.partition(",")[2] for line in done.stdout.split()] == offered
    assert "complete" in bash("_BIGTHETA_COMPLETE=bash_source bigtheta", tmp_path).stdout


# --- the site and the examples --------------------------------------------------------------------------------------


def test_every_page_is_in_the_navigation_and_every_page_there_exists():
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())

    def pages(entry):
        if isinstance(entry, str):
            return [entry]
        return [page for part in (entry.values() if isinstance(entry, dict) else entry) for page in pages(part)]

    files = {str(f.relative_to(ROOT / "docs")) for f in (ROOT / "docs").rglob("*.md")}
    assert set(pages(site["nav"])) == files
    assert site["strict"]


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / html.unescape(link)).exists()] == []


def laws_in_tables(text):
    """The laws that the tables of a text name in their first column; a paper stands for the rest of its cell."""
    found = []
    for cell in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE):
        names = re.findall(r"`([^`]+)`", cell)
        if "/" in names[0]:
            paper = names[0].partition("/")[0]
            found += [name if "/" in name else f"{paper}/{name}" for name in names]
    return found


def unlisted(text):
    """What the tables of a text name that is not shipped, and what is shipped that they do not name, and what twice."""
    named, shipped = laws_in_tables(text), {law.id for law in laws()}
    return set(named) - shipped, shipped - set(named), {name for name in named if named.count(name) > 1}


def test_readme_names_every_shipped_law_once_and_no_other():
    assert unlisted((ROOT / "README.md").read_text()) == (set(), set(), set())


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("`ridgeless`", "`ridgeless`, `clean`", ({"hassani2022/clean"}, set())),
        ("`hassani2022/peak`", "`hassani2022/clean`", ({"hassani2022/clean"}, {"hassani2022/peak"})),
        (", `memorised-heavy`", "", (set(), {"dohmatob2021/memorised-heavy"})),
        ("`bombari2023/ntk-even`", "`bombari2022/ntk-even`", ({"bombari2022/ntk-even"}, {"bombari2023/ntk-even"})),
    ],
)
def test_a_law_that_is_not_there_or_left_out_is_found(old, new, wrong):
    text = (ROOT / "README.md").read_text()
    assert old in text
    missing, left_out, _ = unlisted(text.replace(old, new, 1))
    assert (missing, left_out) == wrong


def laws_named(text):
    """Words of a text that name a law with its paper, such as `dohmatob2021/rf-kernel`; not paths of files."""
    papers = "|".join(sorted({law.paper.id for law in laws()}))
    return re.findall(rf"(?<![\w/.-])(?:{papers})/[A-Za-z0-9_-]+(?![\w/.])", text)


@pytest.mark.parametrize("page", [*PAGES, *GENERATED, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_law_that_a_page_names_is_shipped(page):
    shipped = {law.id for law in laws()}
    assert [name for name in laws_named(page.read_text()) if name not in shipped] == []


def test_a_law_that_a_page_names_in_passing_is_looked_up():
    assert laws_named("see `hassani2022/clean`, (bombari2023/ntk-even) and papers/hassani2022.md") == [
        "hassani2022/clean",
        "bombari2023/ntk-even",
    ]


def test_the_github_action_is_valid_and_asks_for_what_exists():
    text = (ROOT / "examples" / "github-action.yml").read_text()
    action = yaml.safe_load(text)
    assert action[True].keys() >= {"pull_request"}  # YAML 1.1 reads `on` as a truth value
    steps = action["jobs"]["laws"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    asked = [words for step in steps if "run" in step for words in commands(step["run"])]
    for words in asked:
        check_command(words)
    called = [words[1] for words in asked if words[0] == "bigtheta"]
    assert called.count("check") == 1
    assert called.count("report") >= 1
    written = [step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", "")]
    out = next(words[words.index("--out") + 1] for words in asked if words[:2] == ["bigtheta", "check"])
    assert any(out in path.split() for path in written)
