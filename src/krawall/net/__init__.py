"""Sockets of the hot path: an HTTP/1.1 client of our own. No logging, no pydantic."""
