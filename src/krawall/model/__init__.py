"""Nouns and contracts: data and abstract types. No I/O, no asyncio."""
