"""The tables of the ledger: the only SQL of this room."""
