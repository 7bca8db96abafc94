"""The bytes of the ledger: every structure of LEDGER sections 6, 8, 9, 13 and 21, with its limits.

Nothing here needs the Rust core at import, so that proofs can be checked in plain Python (LEDGER-13.2); whether bytes
are points is judged elsewhere. Every decoder takes any bytes and answers the object or refuses, and what it answers
encodes to the same bytes.
"""
