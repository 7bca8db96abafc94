"""The private ledger: hidden amounts from hidden senders, and in the open what must be public (docs/spec/ledger.md)."""
