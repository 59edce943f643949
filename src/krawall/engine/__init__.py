"""The hot loop: plays one shard of a plan. One coroutine per user."""
