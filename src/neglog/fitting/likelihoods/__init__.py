"""What a fit adds to a declared likelihood."""
