"""Built-in presets: one file per kind."""
