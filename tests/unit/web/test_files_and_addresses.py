"""Files have names of their content and refer to each other by them; addresses keep what they say in one order."""

from __future__ import annotations

import gzip
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import Internal, Unavailable
from krawall.web.answers import EARLY, policy
from krawall.web.assets import STATIC, asset, assets, served
from krawall.web.urls import address, local_path, turned
from krawall.web.vendor import bring


def test_a_file_is_named_by_its_content():
    assert re.fullmatch(r"/static/app\.[0-9a-f]{10}\.css", asset("app.css"))
    assert served()[asset("app.css")] is assets()["app.css"]
    with pytest.raises(Internal):
        asset("nothing.css")


def test_references_are_full_names_of_files_that_exist():
    for each in assets().values():
        if each.media.startswith(("text/css", "text/javascript")):
            text = each.body.decode()
            assert set(re.findall(r"/static/[\w.-]+", text)) <= set(served())
            assert not re.search(r"""(?:from|import) "\./""", text)
            assert not re.search(r"url\((?!/static/|data:)", text)


def test_what_is_packed_is_the_same():
    for each in assets().values():
        if each.packed:
            assert gzip.decompress(each.packed) == each.body


def test_no_own_file_names_another_host():
    for name in ("app.css", "app.js", "keys.js", "palette.js", "live.js", "speculation.json"):
        assert b"//" not in assets()[name].body.replace(b"// @ts-check", b"").replace(b"// ", b"")


def test_own_modules_are_few_and_what_browsers_get_is_leaner():
    sources = {path.name: path for path in STATIC.glob("*.js")}
    assert sum(path.read_bytes().count(b"\n") for path in sources.values()) <= 1_700
    assert [name for name, path in sources.items() if len(assets()[name].body) >= path.stat().st_size] == []
    assert b"/**" not in assets()["app.js"].body.replace(b"/** @type", b"")


def test_the_policy_allows_one_script_and_no_style_in_pages():
    assert "'sha256-" in policy()
    assert "unsafe" not in policy()
    assert EARLY.count("\n") < 6


def test_without_a_checkout_there_is_nothing_to_bring(tmp_path):
    with pytest.raises(Unavailable):
        bring(tmp_path)


NAMES = st.dictionaries(st.sampled_from(["q", "sort", "status", "page"]), st.text(max_size=8))


@given(NAMES, NAMES)
def test_an_address_leaves_out_what_is_empty_and_has_one_order(now, changes):
    made = address("/sessions", now, changes)
    assert made == address("/sessions", {**now, **changes})
    assert made.count("=") == sum(bool(value) for value in {**now, **changes}.values())
    assert address("/sessions", now, dict.fromkeys([*now, *changes])) == "/sessions"


@given(st.sampled_from(["p95", "-p95", "name", ""]), st.booleans())
def test_an_order_turns_when_it_is_in_force(sort, down_first):
    once = turned(sort, "p95", down_first=down_first)
    assert once.removeprefix("-") == "p95"
    assert turned(once, "p95") != once


@pytest.mark.parametrize(
    "path", ["//evil.test", "/\\evil.test", "https://evil.test", "javascript:alert(1)", "", "/a\n"]
)
def test_only_paths_of_ours_are_followed(path):
    assert local_path(path) == "/"
    assert local_path("/targets?q=1") == "/targets?q=1"
