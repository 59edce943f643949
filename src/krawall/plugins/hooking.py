"""The hooks of a target: what it names, and what its auth needs, as settings in the order in which they act."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from krawall.errors import DocumentError, KrawallError, Place
from krawall.model.hook import Hook
from krawall.model.target import Target
from krawall.plugins import registry
from krawall.plugins.assemble import places

OAUTH2 = "oauth2"


def hooks_of(target: Target) -> list[Hook]:
    """Return the hooks of a target, those of its auth first.

    Raises:
        DocumentError: one is no hook, or its settings are wrong; places such as `target.hooks.0.login.calls`.
    """
    found: list[Hook | None] = []
    errors: list[Place] = []
    if target.auth is not None and target.auth.oauth2 is not None:
        settings = target.auth.oauth2.model_dump(mode="json", by_alias=True, exclude_unset=True)
        found.append(_made(OAUTH2, settings, "target.auth.oauth2", errors))
    for index, written in enumerate(target.hooks):
        place = f"target.hooks.{index}"
        try:
            kind, settings = expand(written)
            found.append(_made(kind, settings, f"{place}.{kind}", errors))
        except KrawallError as error:
            errors.append(Place(place, error.message))
        except ValueError as error:
            errors.append(Place(place, str(error)))
    if errors:
        raise DocumentError("target", errors)
    return [hook for hook in found if hook is not None]


def expand(written: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return (kind, settings) of a hook as it is written: `KIND`, `{KIND: {...}}`, `{KIND: value}`, `{KIND: null}` or `{kind: KIND, ...}`.

    Raises:
        ValueError: it is none of these.
        KrawallError: there is no such hook, or it does not load.
    """
    if isinstance(written, str):
        return written, {}
    if isinstance(kind := written.get("kind"), str):
        return kind, {key: value for key, value in written.items() if key != "kind"}
    if len(written) != 1:
        raise ValueError(
            f"a hook is written as one word with its settings, such as {{redact: [email]}}; got {list(written)}"
        )
    ((kind, value),) = written.items()
    if value is None:
        return kind, {}
    if isinstance(value, dict):
        return kind, value
    short = registry.load("hooks", kind).shorthand
    if not short:
        raise ValueError(f"the hook {kind!r} takes a mapping of settings, not {value!r}")
    return kind, {short: value}


def _made(kind: str, settings: dict[str, Any], place: str, errors: list[Place]) -> Hook | None:
    try:
        made = registry.load("hooks", kind).model_validate(settings)
    except ValidationError as error:
        errors += [Place(f"{place}.{one.path}".rstrip("."), one.message) for one in places(error, settings, None)]
        return None
    except KrawallError as error:
        errors.append(Place(place, error.message))
        return None
    assert isinstance(made, Hook)
    return made


def urls_of(target: Target) -> list[str]:
    """Return the URLs that a target's hooks ask themselves, references not resolved. Raises DocumentError as `hooks_of`."""
    return [url for hook in hooks_of(target) for url in hook.urls()]
