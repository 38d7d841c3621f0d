"""What all minimisers share: progress, outcome and processes."""
