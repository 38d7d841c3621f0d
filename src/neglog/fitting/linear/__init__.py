"""Fit linear models of any likelihood by Newton's method."""
