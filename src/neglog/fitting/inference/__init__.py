"""Covariances, coefficients and statistics of a fitted linear model."""
