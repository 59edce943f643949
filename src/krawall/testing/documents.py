"""Small documents of each kind, for tests."""

from __future__ import annotations

from typing import Any

ECHO: dict[str, Any] = {"connector": "echo"}
PRIVATE: dict[str, Any] = {"preset": "mock", "url": "http://10.1.2.3:8010/"}
"""A target that an operator must confirm."""
SCENARIO: dict[str, Any] = {
    "name": "greeting",
    "steps": ["hello", {"message": "bye"}],
    "load": {"users": 1, "conversations": 2},
}
HOOK: dict[str, Any] = {"name": "ops", "url": "https://hooks.example.com/krawall", "events": ["session.*"]}
BODIES: dict[str, dict[str, Any]] = {"targets": ECHO, "scenarios": SCENARIO, "webhooks": HOOK}
"""By the word in paths."""
