"""Speed, measured: percentiles with the count, and with the conditions they were taken under."""
