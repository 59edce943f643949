"""Files of sessions: log segments by URL, compacted to Parquet, queried and exported."""
