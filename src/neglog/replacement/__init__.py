"""Run neglog's losses where code calls torch's, without a change of that code."""
