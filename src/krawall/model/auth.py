"""How we say who we are: keys, passwords, OAuth 2.0, TLS certificates. Values are references, never secrets."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from krawall.model.base import NS_PER_S, Document, Duration

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_NAMES = re.compile(
    r"(authori[sz]ation|api[-_]?key|^key$|token|secret|password|cookie|credential|signature)", re.IGNORECASE
)


def _reference(value: str) -> str:
    if not REFERENCE.search(value):
        raise ValueError(
            "write a reference to an environment variable, such as ${BOT_KEY}: a document never holds a secret itself"
        )
    return value


SecretReference = Annotated[str, AfterValidator(_reference)]
"""Text that holds at least one `${NAME}`; resolved only in the process that sends it."""


class Basic(Document):
    """HTTP basic authentication."""

    user: str
    password: SecretReference


class OAuth2(Document):
    """OAuth 2.0 client credentials (RFC 6749 section 4.4): a token of our own, renewed before it expires and after a 401."""

    token_url: str = Field(alias="token url")
    client_id: str = Field(alias="client id")
    client_secret: SecretReference = Field(alias="client secret")
    scope: str = ""
    audience: str = ""
    credentials: Literal["basic", "body"] = Field("basic", description="where client id and secret go in the request")
    early: Duration = Field(60 * NS_PER_S, description="a token is renewed so long before it expires")


class Tls(Document):
    """Certificates. Each is PEM text by reference, such as ${BOT_CERTIFICATE}, or the name of a PEM file (not on a server)."""

    ca: str | None = Field(None, description="authorities to trust besides the system's")
    certificate: str | None = Field(None, description="our own certificate, and its chain, for mutual TLS")
    key: str | None = Field(None, description="the key of our certificate")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mutual TLS takes both a certificate and its key")
        if any("-----BEGIN" in text for text in (self.ca, self.certificate, self.key) if text):
            raise ValueError("keep PEM text as a secret, and write a reference to it, such as ${BOT_CERTIFICATE}")
        return self


def tls_files(tls: Tls) -> list[str]:
    """Return the fields that name files instead of holding references."""
    values = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key}
    return [name for name, value in values.items() if value and not REFERENCE.search(value)]


class Auth(Document):
    """How we say who we are. Values are references; give one kind."""

    bearer: SecretReference | None = None
    header: dict[str, SecretReference] | None = Field(
        None, description="an API key in a header, e.g. {x-api-key: '${BOT_KEY}'}"
    )
    query: dict[str, SecretReference] | None = Field(None, description="an API key in the query string")
    basic: Basic | None = None
    oauth2: OAuth2 | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.bearer, self.header, self.query, self.basic, self.oauth2)) > 1:
            raise ValueError("give one of bearer, header, query, basic, oauth2")
        return self
