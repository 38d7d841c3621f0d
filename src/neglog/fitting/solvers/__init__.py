"""From prepared rows to a fitted model."""
