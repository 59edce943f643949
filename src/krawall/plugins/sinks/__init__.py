"""Built-in sinks: one file per kind. The log of a session is no choice, so it is not one of them; see `krawall.engine.logfile`."""
