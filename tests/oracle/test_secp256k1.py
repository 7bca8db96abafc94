"""The textbook against the published vectors of BIP 340 (test-vectors.csv, BSD-2-Clause) and of the channel chapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.oracle import secp256k1 as curve

# index 0 to 3: secret key, public key, aux, message, signature
SIGNING = [
    (
        "0000000000000000000000000000000000000000000000000000000000000003",
        "F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA8215"
        "25F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0",
    ),
    (
        "B7E151628AED2A6ABF7158809CF4F3C762E7160F38B4DA56A784D9045190CFEF",
        "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
        "6896BD60EEAE296DB48A229FF71DFE071BDE413E6D43F917DC8DCF8C78DE3341"
        "8906D11AC976ABCCB20B091292BFF4EA897EFCB639EA871CFA95F6DE339E4B0A",
    ),
]


@pytest.mark.parametrize(("secret", "public", "aux", "message", "signature"), SIGNING)
def test_bip340(secret: str, public: str, aux: str, message: str, signature: str) -> None:
    key = int(secret, 16)
    assert curve.public_key(key) == bytes.fromhex(public)
    assert curve.sign(key, bytes.fromhex(message), bytes.fromhex(aux)) == bytes.fromhex(signature)
    assert curve.is_signature(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))
    for bit in range(0, 512, 97):
        spoiled = int(signature, 16) ^ 1 << bit
        assert not curve.is_signature(bytes.fromhex(public), bytes.fromhex(message), spoiled.to_bytes(64, "big"))


def test_channel_vectors() -> None:
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "micropay" / "cms.json").read_text())["cms_l"]
    cid, seed, x = bytes.fromhex(vectors["cid"]), bytes.fromhex(vectors["seed"]), int(vectors["x"], 16)
    witnesses = curve.chain("w", cid, 0, 0, seed, vectors["N"])
    assert witnesses[0].hex() == vectors["w_0"] and witnesses[-1].hex() == vectors["w_16"]
    for state in vectors["states"]:
        t, point = curve.secret_of(cid, 0, 0, state["i"], witnesses[state["i"]])
        message = bytes.fromhex(state["m"])
        nonce, k, b = curve.presign(x, message, point)
        assert (nonce.hex(), f"{k:064x}", b) == (state["R_hat"], state["k"], state["b"])
        assert curve.is_lock(curve.public_key(x), message, curve.x32(point), nonce, k)
        signature = curve.adapt(message, point, nonce, k, t)
        assert signature.hex() == state["sigma"]
        assert curve.is_signature(curve.public_key(x), message, signature)
