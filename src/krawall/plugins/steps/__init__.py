"""Built-in steps: one file per kind."""
