"""Valkey or Redis: work (jobs) and pokes (bus). What may be lost; rows of the store say what is true."""
