"""The private ledger a second time, slowly: written from docs/spec/ledger.md alone."""
