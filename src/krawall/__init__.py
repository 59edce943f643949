"""Krawall: load, cost and quality testing for conversational AI."""

__version__ = "0.1.0"
