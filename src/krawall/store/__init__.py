"""The only SQL: rows of documents, sessions, shards, events, ticks, money, credentials, deliveries, workers and accounts.

store       `Store`: every repository over one database; how others begin
database    transactions over SQLite and PostgreSQL, errors in our words
tables      every table; `migrations` makes them
"""
