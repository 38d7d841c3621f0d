"""Networks, and linear models, trained by an optimizer of torch; knows nothing of likelihoods."""
