"""Kinds of other packages: found by entry point, told apart, and kept from spoiling what does not use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from krawall.errors import NotFound, PluginError
from krawall.model.hook import Hook
from krawall.plugins import missing, registry
from krawall.services.plugins import check, explain, plugins
from krawall.testing.packages import install
from krawall.version import __version__

HUM = """
    from typing import ClassVar, Literal
    from krawall.model.step import Step

    class Hum(Step):
        '''Hum a tune.'''
        shorthand: ClassVar[str] = "tune"
        kind: Literal["hum"] = "hum"
        tune: str = ""
        {more}

        async def run(self, conversation, path):
            await conversation.say(self.tune, path)
"""
HOOK = """
    from typing import ClassVar, Literal
    from krawall.model.hook import Hook

    class Nod(Hook):
        '''Nod.'''
        api: ClassVar[int] = {api}
        kind: Literal["nod"] = "nod"
        often: {type} = 1

        def open(self, around): ...
"""


def clear() -> None:
    for cached in (registry._strangers, registry.sources, registry.load):
        cached.cache_clear()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on Python's path; what is in it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("KRAWALL_PLUGINS", raising=False)
    known = set(sys.modules)
    clear()
    yield tmp_path
    clear()
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def nod(path: Path, package: str = "krawall-nod", api: object = 1, type: str = "int", version: str = "1.0") -> None:
    module = package.replace("-", "_")
    install(path, package, {"hooks.nod": f"{module}:Nod"}, version, **{module: HOOK.format(api=api, type=type)})


def test_a_kind_of_another_package_is_listed_without_being_imported_and_loads(path):
    nod(path)
    assert registry.kinds("hooks")["nod"] == "krawall_nod:Nod"
    assert "krawall_nod" not in sys.modules
    assert registry.origin("hooks", "nod") == registry.Source("krawall-nod", "1.0", "krawall_nod:Nod")
    assert issubclass(registry.load("hooks", "nod"), Hook)
    assert registry.load("hooks", "nod")().often == 1
    assert missing.of_others() == {"hooks.nod": "1.0"}


def test_another_api_version_is_refused_with_both_numbers(path):
    nod(path, api=2)
    with pytest.raises(
        PluginError, match=r"of krawall-nod 1\.0 was written for API 2 of plugins; this Krawall has API 1"
    ):
        registry.load("hooks", "nod")


def test_two_packages_with_the_same_kind_are_both_named_and_neither_is_used(path):
    nod(path)
    nod(path, "krawall-nicker", version="2.0")
    with pytest.raises(PluginError, match=r"brought by krawall-\w+ \S+ and by krawall-\w+ \S+") as raised:
        registry.load("hooks", "nod")
    assert "krawall-nod 1.0" in raised.value.message
    assert "krawall-nicker 2.0" in raised.value.message
    assert missing.of_others() == {}


def test_a_kind_of_ours_cannot_be_replaced_and_both_are_named(path):
    install(path, "krawall-faster", {"connectors.http": "faster:Http"}, faster="")
    with pytest.raises(PluginError, match=rf"brought by krawall {__version__} and by krawall-faster 1\.0"):
        registry.load("connectors", "http")
    assert registry.load("connectors", "sse")


def test_a_package_that_is_on_the_path_twice_does_not_clash_with_itself(path, tmp_path_factory, monkeypatch):
    nod(path)
    earlier = tmp_path_factory.mktemp("earlier")
    nod(earlier, version="3.0")
    monkeypatch.syspath_prepend(earlier)
    assert str(registry.origin("hooks", "nod")) == "krawall-nod 3.0"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import does_not_exist", "ModuleNotFoundError: No module named 'does_not_exist'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("Nod = 3", "is no Hook"),
        ("", "has no attribute 'Nod'"),
    ],
)
def test_what_does_not_load_says_why_and_is_listed_so(path, text, why):
    install(path, "krawall-nod", {"hooks.nod": "krawall_nod:Nod"}, krawall_nod=text)
    with pytest.raises(PluginError, match=r"^the hook 'nod' of krawall-nod 1\.0") as raised:
        registry.load("hooks", "nod")
    assert why in raised.value.message
    (listed,) = [each for each in plugins() if each.source == "krawall-nod"]
    assert (listed.version, listed.about) == ("1.0", "")
    assert why in listed.error
    assert registry.load("hooks", "redact")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HOOK.format(api=1, type="'Nowhere'"), "has settings that cannot be read"),
        (
            HOOK.format(api=1, type="int").replace('"nod"', '"nodd"'),
            'must have the field `kind: Literal["nod"] = "nod"`',
        ),
        (HOOK.format(api=1, type="int").replace("def open", "def closed"), "does not define open"),
        (HOOK.format(api=1, type="int").replace("kind:", "shorthand: ClassVar[str] = 'x'\n        kind:"), "fills 'x'"),
    ],
)
def test_what_is_not_as_its_family_needs_it_says_why(path, text, why):
    install(path, "krawall-nod", {"hooks.nod": "krawall_nod:Nod"}, krawall_nod=text)
    with pytest.raises(PluginError) as raised:
        registry.load("hooks", "nod")
    assert why in raised.value.message


def test_a_variable_narrows_the_packages_and_says_what_it_leaves_out(path, monkeypatch):
    nod(path)
    for value in ("builtin", "krawall-other"):
        monkeypatch.setenv("KRAWALL_PLUGINS", value)
        clear()
        with pytest.raises(NotFound, match=r"'nod': krawall-nod 1\.0 brings one, but KRAWALL_PLUGINS leaves it out"):
            registry.load("hooks", "nod")
        assert list(registry.packages()) == [(registry.Source("krawall-nod", "1.0", ""), False)]
    monkeypatch.setenv("KRAWALL_PLUGINS", "krawall-other, Krawall_Nod")
    clear()
    assert registry.load("hooks", "nod")


def test_presets_of_other_packages_are_texts_among_ours(path):
    entries = {"presets.inn": "inn:inn.yaml", "presets.lost": "inn:lost.yaml"}
    install(path, "krawall-inn", entries, inn__inn="about: An inn.\nconnector: http\n")
    assert {"inn", "lost", "mock"} <= set(registry.names("presets"))
    assert registry.data_text("presets", "inn").startswith("about")
    with pytest.raises(PluginError, match=r"the preset 'lost' of krawall-inn 1\.0 does not load"):
        registry.data_text("presets", "lost")
    (listed,) = [each for each in plugins() if each.kind == "inn"]
    assert (listed.about, listed.source, listed.error) == ("An inn.", "krawall-inn", "")


def test_a_check_finds_what_is_wrong_and_an_explanation_has_a_schema(path):
    nod(path)
    assert check("krawall-nod") == (1, [])
    assert explain("nod").settings["properties"]["often"]["default"] == 1
    install(path, "krawall-bad", {"hooks.nod": "bad:Nod"}, bad="")
    clear()
    count, findings = check("nod")
    assert count == 1
    assert "krawall-bad 1.0" in findings[0].words


SCORER = """
    from typing import ClassVar, Literal
    from itertools import count
    from krawall.plugins import Context, Score, Scorer

    COUNT = count()

    class Long(Scorer):
        {docs}
        kind: Literal["long"] = "long"

        def score(self, said, heard, context):
            return {score}
"""
SINK = """
    from contextlib import contextmanager
    from typing import ClassVar, Literal
    from krawall.plugins import SinkKind

    class Pail(SinkKind):
        '''Keep lines.'''
        api: ClassVar[int] = 1
        kind: Literal["pail"] = "pail"

        @contextmanager
        def open(self, basin):
            open(f"{{basin.directory}}/pail-{{basin.shard}}-{{basin.attempt}}", "w").close()
            yield self

        def accept(self, batch): [each.{word} for each in batch]
        def flush(self): ...
        def close(self): ...
"""
DOCS = "'''Long is good.'''\n        api: ClassVar[int] = 1"


@pytest.mark.parametrize(
    ("docs", "score", "found"),
    [
        (DOCS, "Score(1 - 1 / (1 + len(heard)))", []),
        (DOCS, "Score(float(len(heard)))", ["gives Score(value=6.0, why='') for the reply 'Hello.'"]),
        (DOCS, "Score(1 / len(heard))", ["fails on the reply '': ZeroDivisionError"]),
        (DOCS, "heard", ["gives '' for the reply ''"]),
        (DOCS, "Score(next(COUNT) / 100)", ["gives two scores"]),
        ("pass", "Score(None)", ["says nothing of itself", "does not say for which API it was written"]),
    ],
)
def test_a_check_runs_scorers(path, docs, score, found):
    install(path, "krawall-long", {"scorers.long": "long:Long"}, long=SCORER.format(docs=docs, score=score))
    words = [finding.words for finding in check("krawall-long")[1]]
    assert all(any(one.startswith(wanted) for one in words) for wanted in found), words
    assert bool(words) == bool(found)


@pytest.mark.parametrize(("word", "found"), [("conversation", 0), ("no_such_field", 1)])
def test_a_check_runs_sinks(path, word, found):
    install(path, "krawall-pail", {"sinks.pail": "pail:Pail"}, pail=SINK.format(word=word))
    assert len(check("pail")[1]) == found


def run(path: Path, code: str) -> str:
    """Run `code` in a process of its own: what steps there are is put together once."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    environment.pop("KRAWALL_PLUGINS", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


READ = """
from krawall.errors import DocumentError
from krawall.plugins.assemble import read_scenario
for text in ("- hello\\n- hum: la", "- hello", "- {kind: hum, tune: la}"):
    try:
        print(len(read_scenario("name: a\\nsteps:\\n" + text, "a").steps))
    except DocumentError as error:
        print(error.places[0])
"""


def test_a_step_of_another_package_is_read_in_short_and_in_full(path):
    install(path, "krawall-hum", {"steps.hum": "hum:Hum"}, hum=HUM.format(more=""))
    assert run(path, READ).splitlines() == ["2", "1", "1"]


def test_a_step_that_does_not_load_spoils_the_documents_that_use_it_and_no_other(path):
    install(path, "krawall-hum", {"steps.hum": "hum:Hum"}, hum="import does_not_exist")
    first, second, third = run(path, READ).splitlines()
    assert first.startswith("steps.1 (line 4): the step 'hum' of krawall-hum 1.0 does not load")
    assert second == "1"
    assert third.startswith("steps.0 (line 3): the step 'hum' of krawall-hum 1.0 does not load")


def test_a_step_cannot_take_the_word_of_another(path):
    more = 'words: ClassVar[dict[str, str]] = {"if": "tune"}'
    install(path, "krawall-hum", {"steps.hum": "hum:Hum"}, hum=HUM.format(more=more))
    first, second, _ = run(path, READ).splitlines()
    assert "the step 'hum' of krawall-hum 1.0 takes the word 'if', which is that of 'conditional' of krawall" in first
    assert second == "1"


def test_a_plan_without_its_plugins_says_which(path):
    plan = """
from krawall.errors import PluginError
from krawall.plugins.assemble import read_plan
from krawall.testing.playing import plan_of
text = plan_of("name: a\\ntarget: {connector: echo}\\nsteps: [hello]").to_json().replace(b'"message"', b'"hum"')
text = text.replace(b'"plugins":{', b'"plugins":{"steps.hum":"krawall-hum 1.0",')
try:
    read_plan(text)
except PluginError as error:
    print(error.message)
"""
    assert "the step 'hum' of krawall-hum 1.0: there is no step 'hum'" in run(path, plan)
