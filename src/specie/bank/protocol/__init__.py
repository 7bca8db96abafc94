"""The bank's rules: pure, synchronous, without clock, randomness or I/O."""
