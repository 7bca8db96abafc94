"""What a trusted execution environment gives: a measurement, quotes, sealing and a key of its own."""
