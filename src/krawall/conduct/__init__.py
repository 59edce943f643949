"""One session from above, transport-free: merge progress, judge, give orders, report."""
