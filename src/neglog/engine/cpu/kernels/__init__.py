"""The loops that are compiled, and what they are made of: no tensor comes in here."""
