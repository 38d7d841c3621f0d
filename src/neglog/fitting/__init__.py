"""From a table to weights: the model, the loss, the optimizer, and its minimisation."""
