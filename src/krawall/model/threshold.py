"""Threshold as authored: one line of text. `metrics.thresholds` parses and judges it."""

from __future__ import annotations

Threshold = str
"""For example `p95(ttft) < 800ms` or `rate(errors) < 1%, abort after 30s`."""
