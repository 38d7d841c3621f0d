"""`neglog bench --device cuda`: the losses on a GPU, beside torch and what else is installed."""
