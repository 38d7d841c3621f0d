"""The likelihoods of `neglog.fit`."""
