"""Verify declarations: `neglog.verify` and ``neglog verify``."""
