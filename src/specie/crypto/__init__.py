"""Cryptography, one file per scheme, over the Rust core (`specie._core`) and the package `cryptography`."""
