"""A fitted model and its predictions."""
