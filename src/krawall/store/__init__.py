"""The only SQL: rows of documents, sessions, shards, events, ticks, money, credentials, deliveries, workers and accounts."""
