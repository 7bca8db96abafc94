"""Writes annex B: `python -m oracle.issuance.vectors FILE` from the folder tests."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import cose, objects

T = 1_790_000_000
NAMES = ("iss:bank-01", "cms", "qcs", "owner:alice")


def seed_of(name: str) -> bytes:
    return hashlib.sha256(b"dc-test-key/" + name.encode()).digest()


def public_of(name: str) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed_of(name)).public_key().public_bytes_raw()


def kid_of(name: str) -> bytes:
    return cose.key_id(cose.okp_key(public_of(name)))


def cti(last: int) -> bytes:
    return bytes.fromhex("0190c0de000070008000000000000000")[:15] + bytes([last])


def build() -> dict[str, Any]:
    """Everything of annex B, in hex."""
    bank, cms, qcs = (seed_of(name) for name in NAMES[:3])
    coins = [[10000, 1], [2000, 2], [1000, 1]]
    wish = {1: "XDC", 2: 15000, 3: 0, 4: kid_of("owner:alice"), 5: coins, 6: "retail"}
    claims = objects.payload("iss:bank-01", T, cti(1), wish, aud="cms", exp=T + 300)
    request = cose.sign1("dc-req", claims, bank)
    policy = 7, cose.sha256(b"policy-7")
    times = {"iat": T + 1, "exp": T + 600}
    credential = objects.credential(request, cms, iss="cms", aud="qcs", cti=cti(2), policy=policy, **times)
    bit = objects.control_bit(credential, qcs, iss="qcs", iat=T + 2, exp=T + 1200, cti=cti(3), seq=42)
    units = objects.make_units(request, bit, bank, iat=T + 3)
    keys = {n: {"seed": seed_of(n).hex(), "pub": public_of(n).hex(), "kid": kid_of(n).hex()} for n in NAMES}
    return {
        "keys": keys,
        "request": request.hex(),
        "credential": credential.hex(),
        "control_bit": bit.hex(),
        "units": [unit.hex() for unit in units],
        "unit_root": objects.parse(bit).body[7].hex(),
    }


def text() -> str:
    """The file's exact text."""
    return json.dumps(build(), indent=1)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
