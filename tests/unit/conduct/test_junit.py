"""JUnit XML that any reader of continuous integration can parse, whatever names a session has."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krawall.conduct.junit import answered, junit
from krawall.model.summary import Generator, Judged


def suite_of(text: str) -> ElementTree.Element:
    suites = list(ElementTree.fromstring(text.encode()))
    assert [suite.tag for suite in suites] == ["testsuite"]
    return suites[0]


def test_one_case_for_each_threshold_one_for_the_target_one_for_the_generator(summary):
    suite = suite_of(junit(summary))
    names = [case.get("name") for case in suite.iter("testcase")]
    assert names == ["target answered", "generator valid", *(judged.text for judged in summary.thresholds)]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped"), suite.get("errors")) == (
        "7",
        "1",
        "1",
        "0",
    )
    assert suite.get("timestamp") == summary.started_at
    assert suite[0].tag == "properties"


def test_a_failed_threshold_fails_and_an_undecided_one_is_skipped_with_the_reason(summary):
    cases = {case.get("name"): case for case in suite_of(junit(summary)).iter("testcase")}
    failure, skipped = cases["p95(ttft) < 400ms"].find("failure"), cases["p99(ttft) < 1s, step steps.2"].find("skipped")
    assert failure is not None
    assert failure.get("message") == "p95(ttft) is 508.8 ms, the limit is < 400 ms"
    assert skipped is not None
    assert skipped.get("message") == "63 samples, at least 100 are needed"
    assert len(cases["p95(latency) < 2s"]) == 0


def test_seed_and_plan_are_properties(summary):
    found = {item.get("name"): item.get("value") for item in suite_of(junit(summary)).iter("property")}
    assert (found["seed"], found["plan_hash"], found["exit_code"]) == ("4711", summary.plan_hash, "10")


def test_a_silent_target_and_a_late_generator_fail(altered):
    late = Generator(loop_lag_p99_ms=90, valid=False, why="its event loop was 90 ms late at p99")
    bad = altered(metrics={}, phases=[], errors={"connect": 12}, attempts=12, generator=late, reason="")
    cases = {case.get("name"): case.find("failure") for case in suite_of(junit(bad)).iter("testcase")}
    assert cases["target answered"] is not None
    assert cases["target answered"].get("message") == "no turn succeeded: connect 12"
    assert cases["generator valid"] is not None
    assert "90 ms late" in cases["generator valid"].get("message", "")


@pytest.mark.parametrize(("errors", "said"), [({"expectation": 3}, True), ({"timeout": 3}, False)])
def test_an_answer_that_a_check_refused_is_an_answer(altered, errors, said):
    assert answered(altered(metrics={}, phases=[], errors=errors)) is said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(), st.text())
def test_any_text_makes_well_formed_xml(altered, name, why):
    judged = [Judged(name, None, "fail", why), Judged(why, 1.0, "undecided", name)]
    suite = suite_of(junit(altered(name=name, reason=why, target=name, thresholds=judged)))
    assert len(list(suite.iter("testcase"))) == 4
