"""The options of a fit, and the checks that need no data."""
