"""The version of Krawall. Everything else that wants it asks here."""

__version__ = "0.1.0"
