"""How much is sent and when to stop: pacing, striping over shards, retries, breaker, bucket, spending. Decides; sends nothing."""
