"""`bigtheta report DIR --format tex` compiles in a document, for every shipped law; skipped where there is no LaTeX."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from bigtheta.verify.cli import main

PDFLATEX, TECTONIC = shutil.which("pdflatex"), shutil.which("tectonic")
PAGE = Path(__file__).resolve().parent.parent / "docs" / "tools.md"


def compiled(folder):
    """Compile main.tex, and return what LaTeX said; every error is one."""
    command = (
        [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "main.tex"] if PDFLATEX else [TECTONIC, "main.tex"]
    )
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=600, check=False)
    said = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    assert done.returncode == 0, said[-3000:]
    return said


@pytest.mark.slow
@pytest.mark.parametrize("which", ["every state", "every law"])
def test_the_table_compiles_in_the_document_of_the_page(which, every_state, every_law, tmp_path):
    if PDFLATEX is None and TECTONIC is None:
        pytest.skip("neither pdflatex nor tectonic on this machine, so the table is not compiled")
    report = every_state if which == "every state" else every_law
    report.write(tmp_path / "report")
    out = tmp_path / "paper" / "laws.tex"
    out.parent.mkdir()
    done = CliRunner().invoke(main, ["report", str(tmp_path / "report"), "--format", "tex", "--out", str(out)])
    assert done.exit_code == 0, done.output
    document = re.search(r'```tex title="paper/main.tex"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (out.parent / "main.tex").write_text(document[1], encoding="utf-8")
    said = compiled(out.parent)
    assert (out.parent / "main.pdf").read_bytes().startswith(b"%PDF")
    assert "Missing character" not in said
    assert "undefined" not in said.lower()
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", said)]
    assert [points for points in wide if points > 40] == []  # a long formula may leave its column by a centimetre
