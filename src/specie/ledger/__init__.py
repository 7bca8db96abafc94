"""The private ledger: hidden amounts from hidden senders, and in the open what must be public (docs/spec/ledger.md)."""

# SPEC LEDGER-1.4, LEDGER-1.5
# The room imports no bank, ecash or micropay, and of issuance, kms and enclave nothing but api, messages and errors:
# the contracts `faces` and `ledger-faces` of pyproject.toml, and tests/house.
