"""The ledger's engine: the state machine, the embedded provider that makes its blocks, and what it answers."""
