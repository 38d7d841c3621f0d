"""Progress, outcome and processes of a minimisation."""
