"""Measures speed: percentiles, each with its count and the conditions of the measurement."""
