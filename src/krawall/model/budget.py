"""Caps that hold: money, tokens, requests, conversations and time. A budget always exists; defaults are conservative."""

from __future__ import annotations

from pydantic import Field

from krawall.model.base import NS_PER_S, PICO_PER_USD, Document, Duration, Money, Record, Size


class Budget(Document):
    """Caps of one session. The worst case of a request is reserved before it is sent and settled after."""

    cost: Money = Field(5 * PICO_PER_USD, description="US dollars, all attempts")
    tokens: Size = Field(10_000_000, description="input and output tokens, all attempts")
    requests: Size = Field(5_000_000, description="attempts")
    conversations: Size = Field(1_000_000, description="conversations started")
    duration: Duration = Field(3600 * NS_PER_S, description="from the first start to the last reply")


class Spend(Record, frozen=True):
    """An amount of what a budget caps: money (1e-12 USD), tokens, requests, conversations."""

    cost_pico: int = 0
    tokens: int = 0
    requests: int = 0
    conversations: int = 0
