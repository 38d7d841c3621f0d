"""Named columns as the design matrix and the target of a model."""
