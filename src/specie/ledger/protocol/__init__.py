"""The rules of the ledger as pure functions: no waiting, no randomness, no clock (LEDGER sections 7 to 9)."""
