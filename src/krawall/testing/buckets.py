"""An S3 server of our own for tests: moto's, on loopback, in this process."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen

_KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Buckets:
    """A running server. `endpoint`: its URL; `environment`: what a process needs to speak to it, set in this one."""

    endpoint: str
    environment: dict[str, str]

    def make(self, name: str) -> str:
        """Make an empty bucket and return the URL of an archive in it."""
        with urlopen(Request(f"{self.endpoint}/{name}", method="PUT"), timeout=10):
            return f"s3://{name}/archive?endpoint={self.endpoint}"


@contextmanager
def s3_server() -> Iterator[Buckets]:
    """Run the server while the block lasts; one for a whole test session is enough, with a bucket for each test."""
    from moto.server import ThreadedMotoServer  # only tests have it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it writes a line for each request
    server.start()
    host, port = server.get_host_and_port()
    before = {name: os.environ.get(name) for name in _KEYS}
    os.environ.update(_KEYS)
    try:
        yield Buckets(f"http://{host}:{port}", dict(_KEYS))
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
