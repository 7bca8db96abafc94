"""Schema history of the bank."""
