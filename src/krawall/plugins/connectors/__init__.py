"""Built-in connectors: one file per kind."""
