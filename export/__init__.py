"""From music to a model: the only place that imports torch."""
