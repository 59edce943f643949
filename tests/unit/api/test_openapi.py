"""The description of the API is whole: every reference leads somewhere, every route says what it answers with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from krawall.api.app import make_api
from krawall.api.openapi import TAGS
from krawall.plugins import registry
from krawall.settings import Settings
from krawall.wire.yaml import read

METHODS = ("get", "put", "post", "delete", "patch")


@pytest.fixture(scope="module")
def api():
    return make_api(SimpleNamespace(settings=Settings(), store=None, jobs=None))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(api) -> dict[str, Any]:
    return api.openapi()


def operations(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in whole["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method} {path}", item[method]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for inner in node:
            yield from references(inner)


def test_every_reference_leads_somewhere(whole):
    known = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    assert set(references(whole)) <= known


def test_operation_ids_are_unique_and_links_lead_to_them(whole):
    ids = Counter(operation["operationId"] for _, operation in operations(whole))
    assert [id for id, count in ids.items() if count > 1] == []
    linked = {
        link["operationId"]
        for _, operation in operations(whole)
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    }
    assert linked
    assert linked <= set(ids)


def test_every_route_has_a_tag_a_summary_and_an_answer_that_is_described(whole):
    for name, operation in operations(whole):
        assert set(operation["tags"]) <= set(TAGS), name
        assert operation["summary"], name
        good = {status: answer for status, answer in operation["responses"].items() if status < "300"}
        assert good, name
        for status, answer in good.items():
            assert status == "204" or any("schema" in each for each in answer.get("content", {"": {}}).values()), name


def test_every_error_is_a_problem(whole):
    for name, operation in operations(whole):
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"400", "401", "403", "422", "429", "500", "503"} <= set(errors), name
        for status, answer in errors.items():
            if (name, status) != ("get /api/health/ready", "503"):
                assert list(answer["content"]) == ["application/problem+json"], f"{name} {status}"


def test_every_path_is_below_its_version(whole):
    outside = {path for path in whole["paths"] if not path.startswith("/api/v1/")}
    assert outside == {"/api/health", "/api/health/live", "/api/health/ready", "/metrics"}


def test_it_is_the_same_each_time(api, whole):
    again = make_api(SimpleNamespace(settings=Settings(), store=None, jobs=None))  # type: ignore[arg-type]
    assert again.openapi() == whole
    assert api.openapi() is whole


@pytest.mark.parametrize("name", registry.names("templates"))
def test_bodies_of_scenarios_are_described_with_short_forms(whole, name):
    document = {"name": None, "note": "", "body": read(registry.data_text("templates", name), name).data}
    jsonschema.validate(document, {**whole, "$ref": "#/components/schemas/NewScenario"})


def test_no_page_comes_from_elsewhere(api):
    assert api.docs_url is None
    assert api.redoc_url is None
