"""A fitted model, used, saved and read again."""
