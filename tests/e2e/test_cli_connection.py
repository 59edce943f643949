"""`krawall targets test`: from this machine, and by a server; what it prints, and how it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from krawall.testing.commands import Ran, krawall
from krawall.testing.installation import Installation

NAMES = ["resolve", "connect", "tls", "send", "first token", "reply"]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    def ran(*arguments: str, **environment: str) -> Ran:
        return krawall("targets", "test", *arguments, cwd=tmp_path, **environment)

    return ran


def test_a_preset_and_an_address_are_enough(run: Callable[..., Ran], bot: str) -> None:
    done = run("--preset", "mock", "--url", f"{bot}/v1/chat/completions", "--stream", "--raw")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert [re.split(r"\s{2,}| \d", line[2:])[0].strip() for line in lines[:6]] == NAMES
    assert "finish       stop" in done.out
    assert "received:\ndata: {" in done.out


def test_a_file_is_tested_as_it_is_written(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(f"name: shop\npreset: custom-http\nurl: {bot}/chat\nreply:\n  text: nowhere\n")
    done = run("shop.yaml", "--json", "--message", "Where is my parcel?")
    assert done.code == 30
    found = json.loads(done.out)
    assert [step["name"] for step in found["steps"]] == NAMES
    assert found["steps"][-1]["hint"] == "the answer seems to stand at reply: set it as reply.text"
    assert json.loads(found["outcome"]["raw_sent"])["message"] == "Where is my parcel?"


def test_what_is_wrong_with_a_file_is_told_with_its_line(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("name: shop\npreset: mock\nurll: http://127.0.0.1:1/\n")
    done = run("shop.yaml")
    assert done.code == 2
    assert "urll (line 3): unknown key 'urll'; did you mean 'url'?" in done.err
    (tmp_path / "shop.yaml").write_text("preset: mock\nauth: {bearer: '${NO_SUCH_KEY}'}\n")
    done = run("shop.yaml")
    assert done.code == 2
    assert "NO_SUCH_KEY" in done.err


def test_nothing_to_test_is_an_error_of_usage(run: Callable[..., Ran]) -> None:
    assert run().code == 2
    assert run("bot", "--url", "http://127.0.0.1:1/").code == 2


def test_a_server_tests_what_it_keeps(run: Callable[..., Ran], bot: str, tmp_path: Path) -> None:
    with Installation(tmp_path / "server") as home:
        home.start("server", "serve", "--port", "0", "--no-worker")
        out = home.home / "server.out"
        home.until(lambda: b"serves on" in out.read_bytes())
        found = re.search(rb"serves on (\S+)", out.read_bytes())
        assert found
        home.url = found[1].decode()
        home.post("/targets", {"name": "shop", "body": {"preset": "mock", "url": f"{bot}/v1/chat/completions"}})
        home.post("/targets", {"name": "gone", "body": {"preset": "mock", "url": "http://127.0.0.1:9/"}})
        good = run("shop", KRAWALL_SERVER=home.url)
        assert good.code == 0, good.err
        assert "✓ reply" in good.out or "+ reply" in good.out
        bad = run("gone", "--json", KRAWALL_SERVER=home.url)
        assert bad.code == 30
        assert json.loads(bad.out)["steps"][1]["state"] == "failed"
        assert run("nobody", KRAWALL_SERVER=home.url).code == 2


def test_what_is_detected_can_be_kept_and_works(bot: str, tmp_path: Path) -> None:
    found = krawall("targets", "detect", f"{bot}/chat", "--name", "shop", cwd=tmp_path)
    assert found.code == 0, found.err
    assert found.out.startswith("kind: target\nname: shop\npreset: custom-http\n")
    assert "the chatbot answered" in found.err
    (tmp_path / "shop.yaml").write_text(found.out)
    assert krawall("targets", "test", "shop.yaml", cwd=tmp_path).code == 0
    quiet = krawall("targets", "detect", f"{bot}/nothing", "--json", cwd=tmp_path)
    assert quiet.code == 30
    assert quiet.err == ""
    assert quiet.json["works"] is False
