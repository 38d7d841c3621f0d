"""Files and data frames as tables of named columns."""
