"""PyTorch's own test data, as the wheel ships it, run on torch and on neglog side by side."""
