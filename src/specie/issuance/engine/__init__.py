"""The three systems at work: decode, check, transact, sign, answer."""
