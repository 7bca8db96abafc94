"""BIP-340: rows of the table of the proposal, and what must be refused."""

import pytest

from specie.crypto import bip340
from specie.crypto.errors import SignatureInvalid, WeakKey, WrongLength

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FIELD = 2**256 - 2**32 - 977

# (secret, public, auxiliary randomness, message, signature)
ROWS = [
    (
        "00" * 31 + "03",
        "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
        "00" * 32,
        "00" * 32,
        "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215"
        "25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0",
    ),
    (
        "b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef",
        "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
        "00" * 31 + "01",
        "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
        "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de3341"
        "8906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a",
    ),
    (
        "c90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b14e5c9",
        "dd308afec5777e13121fa72b9cc1b7cc0139715309b086c960e18fd969774eb8",
        "c87aa53824b4d7ae2eb035a2b5bbbccc080e76cdc6d1692c4b0b62d798e6d906",
        "7e2d58d8b3bcdf1abadec7829054f90dda9805aab56c77333024b9d0a508b75c",
        "5831aaeed7b44bb74e5eab94ba9d4294c49bcf2a60728d8b4c200f50dd313c1b"
        "ab745879a5ad954a72c45a91c3a51d3c7adea98d82f8481e0e1e03674a6f3fb7",
    ),
    (
        "0b432b2677937381aef05bb02a66ecd012773062cf3fa2549e44f58ed2401710",
        "25d1dff95105f5253c4022f628a996ad3a0d95fbf21d468a1b33f8c160d8f517",
        "ff" * 32,
        "ff" * 32,
        "7eb0509757e246f19449885651611cb965ecc1a187dd51b64fda1edc9637d5ec"
        "97582b9cb13db3933705b32ba982af5af25fd78881ebb32771fc5922efc66ea3",
    ),
]

VERIFY_ONLY = (
    "d69c3509bb99e412e68b0fe8544e72837dfa30746d8be2aa65975f29d22dc7b9",
    "4df3c3f68fcc83b27e9d42c90431a72499f17875c81a599b566c9889b9696703",
    "00000000000000000000003b78ce563f89a0ed9414f5aa28ad0d96d6795f9c63"
    "76afb1548af603b3eb45c9f8207dee1060cb71c04e80f593060b07d28308d7f4",
)


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_published_rows(row: tuple[str, ...]) -> None:
    secret, public, random, message, signature = map(bytes.fromhex, row)
    assert bip340.derive_public(secret) == public
    assert bip340.sign(secret, message, random) == signature
    bip340.verify(public, message, signature)


def test_a_published_signature_with_small_r() -> None:
    public, message, signature = map(bytes.fromhex, VERIFY_ONLY)
    bip340.verify(public, message, signature)


def with_bytes(signature: bytes, *, r: int | None = None, s: int | None = None) -> bytes:
    first = signature[:32] if r is None else r.to_bytes(32, "big")
    return first + (signature[32:] if s is None else s.to_bytes(32, "big"))


def test_bad_signatures_are_refused() -> None:
    """The kinds of row that the proposal marks FALSE."""
    _, public, _, message, signature = map(bytes.fromhex, ROWS[1])
    s = int.from_bytes(signature[32:], "big")
    off_curve = bytes.fromhex("eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34")
    bad = [
        (off_curve, message, signature),
        ((FIELD + 1).to_bytes(32, "big"), message, signature),
        (public, bytes(32), signature),
        (public, message, with_bytes(signature, s=ORDER - s)),
        (public, message, with_bytes(signature, s=ORDER)),
        (public, message, with_bytes(signature, r=FIELD)),
        (public, message, with_bytes(signature, r=0)),
        (public, message[:31], signature),
        (public, message, signature[:63]),
        (public[:31], message, signature),
    ]
    for case in bad:
        with pytest.raises(SignatureInvalid):
            bip340.verify(*case)
    publics, messages, signatures = zip(*bad, (public, message, signature), strict=True)
    assert bip340.verify_many(publics, messages, signatures) == [False] * len(bad) + [True]


def test_every_flipped_bit_is_refused() -> None:
    _, public, _, message, signature = map(bytes.fromhex, ROWS[2])
    flipped = [
        bytes(byte ^ (1 << at % 8 if place == at // 8 else 0) for place, byte in enumerate(signature))
        for at in range(512)
    ]
    assert not any(bip340.verify_many([public] * 512, [message] * 512, flipped))


def test_secrets_and_lengths_are_checked() -> None:
    for secret in (bytes(32), ORDER.to_bytes(32, "big")):
        with pytest.raises(WeakKey):
            bip340.derive_public(secret)
    for case in ((b"1" * 31, bytes(32), bytes(32)), (b"1" * 32, bytes(31), bytes(32)), (b"1" * 32, bytes(32), b"")):
        with pytest.raises(WrongLength):
            bip340.sign(*case)
    with pytest.raises(WrongLength):
        bip340.verify_many([bytes(32)], [], [])


# SPEC LEDGER-2.9
def test_nonces_depend_on_secret_message_and_randomness() -> None:
    base = (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
    others = [(b"\x04" * 32, *base[1:]), (base[0], b"\x04" * 32, base[2]), (*base[:2], b"\x04" * 32)]
    nonces = {bip340.sign(*case)[:32] for case in (base, *others)}
    assert len(nonces) == 4 and bip340.sign(*base) == bip340.sign(*base)
