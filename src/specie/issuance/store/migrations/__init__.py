"""Schema history, one line of revisions per system."""
