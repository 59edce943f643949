"""Built-in scorers: one file per kind. None yet; the contract is `krawall.model.scorer`."""
