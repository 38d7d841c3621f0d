"""Encoded rows, read in batches."""
