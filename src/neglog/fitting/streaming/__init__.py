"""Tables larger than memory, read block by block, by one process or several."""
