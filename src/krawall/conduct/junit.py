"""The result as JUnit XML, as continuous integration reads it: a case for each threshold, for the target, for the generator."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from krawall.conduct import words
from krawall.model.summary import Judged, Summary

_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow, section 2.2."""


def junit(summary: Summary) -> str:
    """Return a JUnit document with one suite. A threshold that is undecided is a skipped case, with the reason."""
    cases = [
        _case("target", "target answered", "" if answered(summary) else _silence(summary)),
        _case("generator", "generator valid", "" if summary.generator.valid else summary.generator.why or "bottleneck"),
        *(_threshold(judged) for judged in summary.thresholds),
    ]
    failures = sum(case.find("failure") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    totals = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "time": f"{summary.duration_s:.3f}"}
    suite = ElementTree.Element(
        "testsuite", {"name": _fit(summary.name or summary.session), **totals, "skipped": str(skipped)}
    )
    if summary.started_at:
        suite.set("timestamp", _fit(summary.started_at))
    suite.append(_properties(summary))
    suite.extend(cases)
    root = ElementTree.Element("testsuites", totals)
    root.append(suite)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def answered(summary: Summary) -> bool:
    """Say whether any turn was answered, in any phase. An answer that a check refused is one."""
    measured = [summary.metrics, *(part.metrics for part in summary.phases)]
    return any("latency" in metrics and metrics["latency"].count for metrics in measured) or bool(
        summary.errors.get("expectation")
    )


def _silence(summary: Summary) -> str:
    if not summary.attempts:
        return summary.reason or "no attempt was made"
    return summary.reason or f"no turn succeeded: {words.counts(summary.errors)}"


def _threshold(judged: Judged) -> ElementTree.Element:
    told = judged.why or f"saw {words.seen(judged)}"
    return _case(
        "thresholds",
        judged.text,
        told if judged.outcome == "fail" else "",
        told if judged.outcome == "undecided" else "",
    )


def _case(group: str, name: str, failure: str = "", skipped: str = "") -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=f"krawall.{group}", name=_fit(name))
    if failure:
        ElementTree.SubElement(case, "failure", message=_fit(failure), type=group).text = _fit(failure)
    elif skipped:
        ElementTree.SubElement(case, "skipped", message=_fit(skipped))
    return case


def _properties(summary: Summary) -> ElementTree.Element:
    facts = {
        "seed": str(summary.seed),
        "plan_hash": summary.plan_hash,
        "session": summary.session,
        "target": summary.target,
        "verdict": summary.verdict,
        "outcome": summary.outcome,
        "reason": summary.reason,
        "exit_code": str(summary.exit_code),
        "directory": summary.directory,
    }
    properties = ElementTree.Element("properties")
    for name, value in facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=_fit(value))
    return properties


def _fit(text: str) -> str:
    return _UNFIT.sub("\ufffd", text)
