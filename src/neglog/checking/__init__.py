"""What is wrong with this model, this loss and this batch."""
