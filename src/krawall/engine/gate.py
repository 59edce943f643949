"""What the engine may reach and open: the granted host's pinned addresses, and secrets from the environment or a vault."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from krawall.errors import DocumentError, Place, Refused
from krawall.model.auth import REFERENCE
from krawall.model.connector import Secrets
from krawall.model.plan import Granted
from krawall.wire.redact import Redactor


class Pinned:
    """Implements `model.connector.Gate` for one session."""

    def __init__(self, granted: Granted) -> None:
        self._granted = granted

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the pinned addresses of the granted host; any other host is refused."""
        if host in self._granted.beside:
            return self._granted.beside[host]
        if host != self._granted.host:
            raise Refused(f"{host} was not granted for this session, only {self._granted.host}")
        return self._granted.addresses


class Environment:
    """Implements `model.connector.Secrets`: `${NAME}` is the environment variable NAME."""

    def resolve(self, text: str) -> str:
        """Return `text` with its references replaced."""

        def value(name: str) -> str:
            found = os.environ.get(name)
            if not found:
                raise _missing(f"${{{name}}} is not set in the environment", f"export {name}=... before the run")
            return found

        return REFERENCE.sub(lambda match: value(match[1]), text)


class Opened:
    """Implements `model.connector.Secrets`: `${NAME}` is the credential NAME of a server, and nothing else."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def resolve(self, text: str) -> str:
        """Return `text` with its references replaced."""

        def value(name: str) -> str:
            found = self._values.get(name)
            if found is None:
                raise _missing(
                    f"${{{name}}} is not a credential of this server", f"keep it there under the name {name}"
                )
            return found

        return REFERENCE.sub(lambda match: value(match[1]), text)


class Hiding:
    """Secrets that bring along what scrubs them, so that a token which somebody learns is scrubbed by everybody."""

    def __init__(self, secrets: Secrets, redactor: Redactor) -> None:
        self.resolve = secrets.resolve
        self.redactor = redactor


def _missing(words: str, hint: str) -> DocumentError:
    return DocumentError("target", [Place("target", words)], hint=hint)
