from __future__ import annotations

import pytest

from krawall.model.target import Prices, Target
from krawall.plugins.preset import resolve
from krawall.services.pricing import model_of, published, with_prices

LOOPBACK = "http://127.0.0.1:8010"


def target(**fields: object) -> Target:
    return resolve(Target.model_validate({"url": LOOPBACK, **fields}))


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("google", "gemini-2.5-flash")],
)
def test_known_models_have_published_prices(provider, model):
    found = published(provider, model)
    assert found is not None
    assert 0 < found.input < found.output
    assert found.cached is not None
    assert found.cached < found.input
    assert model in found.source


def test_unknown_models_have_none():
    assert published("openai", "no-such-model") is None
    assert published("nobody", "gpt-4o-mini") is None


def test_a_target_gets_the_prices_of_its_model():
    priced = with_prices(target(preset="anthropic", fields={"model": "claude-sonnet-4-5"}))
    assert priced.prices == published("anthropic", "claude-sonnet-4-5")
    renamed = with_prices(target(preset="openai-chat", request={"model": "gpt-4o-mini"}))
    assert renamed.prices == published("openai", "gpt-4o-mini")


def test_prices_that_are_written_stay():
    written = target(preset="anthropic", fields={"model": "claude-sonnet-4-5"}, prices={"input": 1})
    assert with_prices(written).prices == Prices(input=1)
    assert with_prices(target(preset="mock")).prices == target(preset="mock").prices


def test_without_a_model_or_a_list_there_is_no_price():
    assert with_prices(target(preset="openai-chat")).prices is None
    assert with_prices(target(preset="vllm", fields={"model": "gpt-4o-mini"})).prices is None
    assert with_prices(target(preset="custom-http")).prices is None
    assert model_of(target(preset="azure-openai", fields={"deployment": "chat"})) == "chat"
