"""What suites over TLS share: one authority for the tests of a file, and servers that it vouches for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def vouched(authority: trustme.CA) -> Callable[..., ssl.SSLContext]:
    """`vouched("h2")` is the context of a server on 127.0.0.1 that speaks these protocols."""

    def context(*protocols: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if protocols:
            made.set_alpn_protocols(protocols)
        authority.issue_cert("127.0.0.1").configure_cert(made)
        return made

    return context
