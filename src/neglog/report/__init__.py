"""Tables, plots and pages, for the terminal and for a browser."""
