"""Plugins for Krawall, one of each family: the smallest that are whole."""
