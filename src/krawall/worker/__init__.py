"""What a worker does: a light supervisor that takes jobs, runs engines in child processes and never blocks its loop."""
