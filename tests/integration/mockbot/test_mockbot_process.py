"""The mock bot as a process of its own, on the fast loop."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from krawall.errors import Refused
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import main

PROGRAM = """
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import main
main(0, Behaviour(first_token="3ms", gap="1ms", tokens="9", oracle=True), ready=lambda server: print(server.port, flush=True))
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(process: subprocess.Popen[str], number: signal.Signals) -> None:
    assert process.stdout
    connection = HTTPConnection("127.0.0.1", int(process.stdout.readline()))
    body = json.dumps({"stream": True, "messages": [{"role": "user", "content": "where is it"}]})
    connection.request("POST", "/v1/chat/completions", body)
    blocks = connection.getresponse().read().decode().split("\n\n")
    times = [json.loads(block[6:])["ts"] for block in blocks[1:-4]]
    connection.request("GET", "/oracle")
    record = json.loads(connection.getresponse().read())
    assert record["sent_ns"] == times
    assert len(times) == 9
    assert all(sent >= record["received_ns"] + (3 + index) * 1_000_000 for index, sent in enumerate(times))
    process.send_signal(number)
    assert process.wait() == 0
    assert process.stdout.read() == ""


def test_it_refuses_other_hosts() -> None:
    with pytest.raises(Refused):
        main(0, Behaviour(), "0.0.0.0")
