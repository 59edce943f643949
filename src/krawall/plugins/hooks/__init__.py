"""Built-in hooks: one file per kind."""
