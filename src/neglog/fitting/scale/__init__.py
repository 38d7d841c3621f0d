"""Fits of tables that are larger than memory, and by more than one process."""
