"""The ledger in this installation: its founding, its two roles, what issuance sees of it, what an audit reads."""
