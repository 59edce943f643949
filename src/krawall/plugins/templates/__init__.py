"""Built-in templates: one file per kind."""
