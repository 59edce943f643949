"""Connection tests on a server: of kept targets and of drafts, with credentials from the vault; and what speaks at an address."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from krawall.clock import monotonic_ns
from krawall.engine.gate import Opened
from krawall.errors import DocumentError, NotFound, Place, Refused, Unreachable
from krawall.model.event import TargetTested
from krawall.model.kept import DocumentKind
from krawall.model.plan import Plan
from krawall.model.target import SavedTarget, Target
from krawall.services.detecting import Detected, Tell, detect
from krawall.services.documents import Documents, Given
from krawall.services.probing import Outcome, Told, probe
from krawall.services.starting import Planner, Rules, StartSession
from krawall.services.tested import HeldTests
from krawall.services.trials import BUDGET, MESSAGE, Trial, trial
from krawall.store.store import Store
from krawall.vault import Vault
from krawall.wire.auth import secrets_of

_DRAFT = "draft"


@dataclass(frozen=True)
class Ready:
    """A test that may begin. `id` and `name` of a kept target; empty: a draft."""

    trial: Trial
    id: str = ""
    name: str = ""


class Targets:
    """What is special about targets; as documents they behave like the others. One per process.

    `held`: the newest tests that were made here, for pages that show one and work with its answer.
    """

    def __init__(self, store: Store, vault: Vault, documents: Documents, rules: Rules) -> None:
        self._store = store
        self._vault = vault
        self._documents = documents
        self._planner = Planner(store, rules)
        self.held = HeldTests()

    async def ready(self, id: str, message: str = MESSAGE) -> Ready:
        """Return the test of a kept target; its host is looked up, nothing is sent.

        Raises:
            NotFound: there is no such target.
            DocumentError, PluginError: it is wrong, or a credential is missing.
        """
        kept = await self._store.documents.get(DocumentKind.target, id)
        made = await self._trial(SavedTarget.model_validate(kept.body).bare(), kept.id, message)
        return Ready(made, kept.id, kept.name)

    async def ready_draft(
        self, given: Given, message: str = MESSAGE, typed: Mapping[str, str] | None = None, *, operated: bool = False
    ) -> Ready:
        """Return the test of a target that is not kept: plain data, or YAML or JSON text.

        `typed`: credentials that count instead of those that are kept, for this test alone; `operated`: the caller operates
        its host, as somebody has confirmed for a kept one.

        Raises:
            DocumentError, PluginError: it is wrong, or a credential is missing.
        """
        made = await self._documents.check(DocumentKind.target, given, otherwise=_DRAFT, label="target")
        target = SavedTarget.model_validate(made.body).bare()
        plain = target.model_dump(mode="json", exclude_unset=True)
        confirmed = made.site.host if operated and made.site is not None else ""
        return Ready(await self._trial(target, plain, message, typed, confirmed))

    async def detect(
        self,
        url: str,
        *,
        key: str = "",
        model: str = "",
        confirmed: bool = False,
        ask: bool = True,
        tell: Tell = lambda _: None,
        typed: Mapping[str, str] | None = None,
    ) -> Detected:
        """Return what seems to be at an address. See `services.detecting.detect`; `key` is the name of a credential.

        Raises:
            DocumentError: there is no such credential. Refused, Unreachable: the guard rails say no, or there is no such host.
        """
        secrets = await self._opened({key} if key else set(), typed)
        return await detect(url, secrets, key=key, model=model, confirmed=confirmed, ask=ask, tell=tell)

    async def test(self, ready: Ready, actor: str) -> AsyncGenerator[Told, None]:
        """Yield the steps as they end, then the outcome; what came of a kept target is an event."""
        began = monotonic_ns()
        async with aclosing(probe(ready.trial)) as told:
            async for each in told:
                if isinstance(each, Outcome) and ready.id:
                    await self._keep(ready, each, (monotonic_ns() - began) / 1e6, actor)
                yield each

    async def _keep(self, ready: Ready, outcome: Outcome, ms: float, actor: str) -> None:
        fault = str(outcome.fault.kind) if outcome.fault is not None else ""
        await self._store.events.append(TargetTested(ready.id, ready.name, outcome.ok, round(ms, 1), fault), actor)

    async def _trial(
        self,
        target: Target,
        given: str | dict[str, Any],
        message: str,
        typed: Mapping[str, str] | None = None,
        confirmed: str = "",
    ) -> Trial:
        """`given`: the target as a session is asked for it."""
        scenario = {"name": "connection test", "steps": [MESSAGE], "budget": BUDGET}
        plan: Plan | None = None
        trouble: Refused | Unreachable | None = None
        try:
            plan = (await self._planner.plan(StartSession(scenario=scenario, target=given), confirmed)).plan
        except (Refused, Unreachable) as error:
            trouble = error
        secrets = await self._opened(secrets_of(plan.target) if plan is not None else set(), typed)
        return trial(target, secrets, plan, trouble, message)

    async def _opened(self, names: set[str], typed: Mapping[str, str] | None) -> Opened:
        given = {name: value for name, value in (typed or {}).items() if name in names}
        try:
            sealed = await self._store.credentials.sealed(sorted(names - given.keys()))
        except NotFound as error:
            raise DocumentError("target", [Place("", error.message)], hint=error.hint) from None
        return Opened({**{name: self._vault.unseal(name, blob) for name, blob in sealed.items()}, **given})
