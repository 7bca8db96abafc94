"""The pure rules of issuance: no I/O, no clock, no randomness; everything they need is an argument."""
