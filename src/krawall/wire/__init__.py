"""Bytes and mappings: what goes over the wire or into a file, and how it is read back. No sockets, no clock."""
