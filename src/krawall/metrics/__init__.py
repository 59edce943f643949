"""Numbers: histograms, tallies, the catalog of metrics, thresholds and summaries. Pure: no clock, no files, no sockets."""
