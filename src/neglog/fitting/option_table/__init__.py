"""The options of a fit, each stated once. Imports no library: `neglog fit --help` reads it."""
