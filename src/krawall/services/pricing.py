"""Prices that are not written: from a list of published ones that comes with the installation. Nothing is asked over a network."""

from __future__ import annotations

import functools
from datetime import datetime
from importlib import metadata

from krawall.clock import iso, wall_ns
from krawall.model.target import Prices, Target
from krawall.plugins.preset import facts


def with_prices(target: Target) -> Target:
    """Return a target with the published prices of its model, unless it has prices, or its preset or model is in no list."""
    if target.prices is not None or target.preset is None or target.connector == "echo":
        return target
    key = facts(target.preset).price_key
    model = model_of(target)
    if key is None or not model:
        return target
    found = published(key.provider, model)
    return target if found is None else target.model_copy(update={"prices": found})


def model_of(target: Target) -> str:
    """Return the name of the model that a target asks for; "" when it does not say."""
    for place in (target.request, target.fields, target.body if isinstance(target.body, dict) else {}):
        if isinstance(name := place.get("model") or place.get("deployment"), str):
            return name
    return ""


@functools.cache
def published(provider: str, model: str) -> Prices | None:
    """Return the published standard prices of a model, USD per million tokens; None when no list has it.

    Of prices that depend on the length of a prompt the first tier is taken, which `source` says.
    """
    from genai_prices import data_snapshot  # takes a tenth of a second to load, and most plans have their prices
    from genai_prices.types import TieredPrices

    def usd(price: object) -> float | None:
        if price is None:
            return None
        return float(price.base) if isinstance(price, TieredPrices) else float(str(price))

    try:
        _, known = data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    prices = known.get_prices(datetime.fromisoformat(iso(wall_ns())))
    if prices.input_mtok is None or prices.output_mtok is None:
        return None
    words = f"list of {metadata.version('genai-prices')}, {provider} {known.id}"
    if any(isinstance(each, TieredPrices) for each in (prices.input_mtok, prices.output_mtok)):
        words += ", first tier"
    return Prices(
        input=usd(prices.input_mtok) or 0.0,
        output=usd(prices.output_mtok) or 0.0,
        cached=usd(prices.cache_read_mtok),
        cache_write=usd(prices.cache_write_mtok),
        source=words,
    )
