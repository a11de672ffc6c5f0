"""The report as JUnit XML, for continuous integration: a test case for each law and activation, and each control."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from bigtheta.verify.report import words
from bigtheta.verify.report.report import Entry, Report
from bigtheta.verify.verdict import Verdict

__all__ = ["render"]

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {Verdict.PASS: None, Verdict.FAIL: "failure", Verdict.ERROR: "error"}


def render(report: Report) -> str:
    """Return the document: failure for FAIL, error for ERROR, skipped for INCONCLUSIVE, SKIPPED and NOT-RUN.

    A control passes if it FAILs, and is a failure if it PASSes, as in the verdict of the run.
    """
    tags = [_TAGS.get(entry.outcome, "skipped") for entry in report.entries]
    seconds = report.provenance.get("wall_s")
    counts = {
        "name": "bigtheta",
        "tests": str(len(tags)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
        "skipped": str(tags.count("skipped")),
        "time": f"{seconds or 0:.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", counts)
    properties = ET.SubElement(suite, "properties")
    about = report.provenance
    if told := words.interruption(report):
        ET.SubElement(properties, "property", {"name": "interrupted", "value": told})
    shown = {key: about.get(key) for key in ("seed", "profile", "trials", "device", "commit")} | about.get(
        "versions", {}
    )
    for name, value in shown.items():
        if value is not None:
            ET.SubElement(properties, "property", {"name": _legal(name), "value": _legal(str(value))})
    for entry, tag in zip(report.entries, tags, strict=True):
        _case(suite, entry, tag)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, entry: Entry, tag: str | None) -> None:
    name = f"{words.activation(entry)}: {words.claim(entry)}"
    j = entry.judgement
    reason = j.reason
    if entry.negative is not None:
        name = f"control {name}"
        if entry.verdict is Verdict.PASS:
            reason = f"a negative control must FAIL ({entry.negative.because}) but PASSes: {reason}"
    paper, _, law = entry.facts.id.rpartition("/")
    case = ET.SubElement(suite, "testcase", {"classname": _legal(f"{paper or 'bigtheta'}.{law}"), "name": _legal(name)})
    details = "\n".join(words.judgement_lines(j))
    if tag is None:
        ET.SubElement(case, "system-out").text = _legal(details)
        return
    given = {"message": _legal(f"{entry.verdict.value}: {reason}")}
    if tag != "skipped":
        given["type"] = entry.verdict.value
    ET.SubElement(case, tag, given).text = _legal(details)


def _legal(text: str) -> str:
    """Replace what XML has no character for."""
    return _FORBIDDEN.sub("\ufffd", text)
