"""Suites that every plugin of a kind passes, as plain functions."""
