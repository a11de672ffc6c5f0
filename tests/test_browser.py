"""report.html in a real browser: nothing overflows, nothing is fetched, the figures render."""

import shutil
import subprocess

import numpy as np
import pytest

import bigtheta
from bigtheta.verify.judge import judge
from bigtheta.verify.report.report import Entry, Report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--virtual-time-budget=3000",
]  # fmt: skip
PROBE = """<script>
window.errors = 0;
window.addEventListener("error", () => { window.errors += 1; });
window.addEventListener("load", () => {
  const root = document.documentElement;
  const wide = [...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll") && !e.closest("svg")
    && e.getBoundingClientRect().right > root.clientWidth + 1).length;
  const drawn = [...document.querySelectorAll("figure svg")].filter(s => s.getBoundingClientRect().height > 80).length;
  root.dataset.probe = [root.clientWidth, root.scrollWidth, wide, drawn, window.errors,
    performance.getEntriesByType("resource").filter(r => !r.name.startsWith("data:")).length].join(" ");
});
</script>"""


def page():
    rng = np.random.default_rng(0)
    law = bigtheta.law("ntk-even")
    sizes = law.size_arrays
    samples = [np.exp(0.05 * rng.standard_normal(12)) for _ in sizes["n"]]
    entries = [
        Entry(law, name, judge(sizes, samples, statement, along="n"), control)
        for name, statement, control in (("cos", "Theta(1)", None), ("tanh", "Theta(sqrt(n))", law.controls[0]))
    ]
    about = {"versions": {"python": "3"}, "seed": 0, "device": "cpu", "commit": None, "trials": 12, "wall_s": 1.0}
    return Report(tuple(entries), about).to_html()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_report_fits_the_screen_and_fetches_nothing(tmp_path, width):
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    file = tmp_path / "report.html"
    file.write_text(page().replace("<head>", "<head>" + PROBE, 1), encoding="utf-8")
    # Headless Chromium has a smallest window width, so the page is shown in a frame of the width asked.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="report.html" style="width:{width}px;height:900px;border:0"></iframe>', encoding="utf-8"
    )
    shown = frame.read_text().replace(
        "</iframe>",
        "</iframe><script>onload=()=>{document.title=document.querySelector('iframe')"
        ".contentDocument.documentElement.dataset.probe}</script>",
    )
    frame.write_text(shown, encoding="utf-8")
    result = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--allow-file-access-from-files",
         "--window-size=1400,1000", "--dump-dom", frame.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "<title>" in result.stdout, result.stderr[-500:]
    title = result.stdout.split("<title>")[1].split("</title>")[0]
    client, scroll, overflowing, drawn, errors, fetched = map(int, title.split())
    assert client == width
    assert scroll <= client
    assert (overflowing, errors, fetched) == (0, 0, 0)
    assert drawn == 2
