"""Training by an optimizer of torch. Imports no likelihood."""
