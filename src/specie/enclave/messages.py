"""What is said of an enclave: its measurement, and the rules by which others believe it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

Kind = Literal["simulated", "gramine"]
"""`simulated` protects nothing from whoever runs the machine, and says so wherever it appears."""

REPORT_DATA_BYTES = 64
NONCE_BYTES = 32

BANNER = "ENCLAVE SIMULATED: whoever runs this machine can read all keys. For development only."
"""What a process with a simulated enclave prints at its start."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What runs in an enclave, as its quote says."""

    kind: Kind
    mrenclave: bytes
    """Hash of the code, 32 bytes."""

    mrsigner: bytes
    """Hash of the key that signed the code, 32 bytes; of a simulated one, of the development root."""

    isv_prod_id: int = 0
    isv_svn: int = 0
    debug: bool = False
    tcb_status: str = "UpToDate"
    advisories: tuple[str, ...] = ()
    fmspc: str = ""


@dataclass(frozen=True, slots=True)
class QuoteRules:
    """What a verifier believes. This room holds no list of its own: the rules come from a manifest or a chain."""

    measurements: frozenset[bytes]
    """The `mrenclave` that are believed."""

    hardware: bool = True
    """True refuses every simulated quote, whoever signed it (LEDGER-12.2.1)."""

    development_roots: frozenset[bytes] = frozenset()
    """Ed25519 keys whose simulated quotes are believed; without meaning in hardware mode."""

    age_s_max: int = 86_400
    """How old a quote may be. A nonce in the report data says more."""


# SPEC KMS-2.9
def report_data(label: str, owner: bytes, parts: bytes, nonce: bytes) -> bytes:
    """SHA-256(label ‖ owner ‖ parts) ‖ nonce: 64 bytes for `Enclave.quote`.

    label: names one use and one layout. owner: id of the cluster or chain, 32 bytes. parts: the keys that the quote
    speaks of. nonce: 32 bytes of whoever asks.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce has 32 bytes")
    return sha256(label.encode("ascii") + owner + parts).digest() + nonce
