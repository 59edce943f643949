"""What can be added: steps, connectors, presets, templates. One file per kind; the file name is the kind."""
