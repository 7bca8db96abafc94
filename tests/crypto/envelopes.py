"""A small ledger for the tests of transactions, and envelopes made and opened by hand, without the core's HPKE."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from hashlib import sha3_256, sha256, shake_256
from hmac import digest as hmac_digest
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from specie.crypto import ring
from specie.crypto.transactions import BuiltTransaction, EpochKey, Plan, build_mint, build_transaction
from specie.crypto.trees import OutputTable
from specie.crypto.x25519 import X25519Secret

CHAIN = b"C" * 32
MINT = b"M" * 32
EPOCH = 6
RING_SIZE = 16
ENC_BYTES = {1: 32, 2: 1120}
KEM_IDS = {1: b"\x00\x20", 2: b"\x64\x7a"}
CLASSES = (8192, 16384, 32768, 65536)


def context(*items: bytes) -> bytes:
    return ring.pl1_hash("ctx", [CHAIN, *items])[:32]


@dataclass
class Town:
    """Keys, outputs of one mint after the other, and the epoch keys of both suites."""

    random: Random = field(default_factory=lambda: Random(7))
    keys: ring.WalletKeys = field(init=False)
    table: OutputTable = field(default_factory=OutputTable)
    outputs: list[bytes] = field(default_factory=list)
    epoch: dict[int, EpochKey] = field(init=False)

    def __post_init__(self) -> None:
        self.keys = ring.WalletKeys.from_seed(b"\x07" * 32)
        self.keys.extend(0, 5)
        for _ in range(4):
            values = list(range(1000, 1016))
            head = b"head" + sum(values).to_bytes(8, "little")
            made = build_mint(head, CHAIN, MINT, self.keys.address(0, 1), values, self.random.randbytes(64))
            self.outputs += [made[1 + 267 * i :][:267] for i in range(made[0])]
        self.table.append([(0, 1, output) for output in self.outputs])
        self.epoch = {suite: EpochKey.generate(suite, self.random.randbytes(64)) for suite in (1, 2)}

    def value(self, index: int) -> int:
        (owned,) = self.keys.open([(context(b"\x02", MINT), self.outputs[index], 2, b"")])
        assert owned is not None
        return owned.value

    def input(self, index: int, ring_size: int = RING_SIZE) -> tuple[bytes, int, bytes, bytes, list[int], bytes, int]:
        others = [place for place in range(len(self.outputs)) if place != index]
        indices = sorted([*self.random.sample(others, ring_size - 1), index])
        members = b"".join(self.outputs[place][:64] for place in indices)
        return context(b"\x02", MINT), 2, self.outputs[index], b"", indices, members, indices.index(index)

    def plan(self, spent: list[int], *, suite: int = 1, outputs: int = 2, **changes: Any) -> Plan:
        """Spend these outputs: 5 to each of the first outputs, the rest back, fee 1."""
        rest = sum(map(self.value, spent)) - 1 - 5 * (outputs - 1) - changes.get("burn", 0)
        plan = Plan(
            chain_id=CHAIN,
            net=1,
            kind=1,
            expiry_height=100,
            fee=1,
            burn=0,
            extra=b"",
            inputs=[self.input(index) for index in spent],
            outputs=[(self.keys.address(0, 2), 5, b"", False)] * (outputs - 1)
            + [(self.keys.address(0, 3), rest, b"m" * 128, True)],
            h_a=1,
            out_root=self.table.root(),
            epoch=EPOCH,
            suite=suite,
            epoch_key=self.epoch[suite].public(),
            portable=False,
            note=b"",
            random=self.random.randbytes(64),
        )
        plan.update(changes)  # type: ignore[typeddict-item]
        return plan

    def build(self, spent: list[int], **changes: Any) -> BuiltTransaction:
        return build_transaction(self.keys, self.plan(spent, **changes))


@cache
def town() -> Town:
    return Town()


def extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac_digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand for at most one block."""
    return hmac_digest(prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01", "sha256")[:size]


def schedule(suite: int, shared: bytes, epoch: int) -> tuple[bytes, bytes, bytes]:
    """(key, nonce, exporter) of RFC 9180 section 5.1 in base mode, for the info of an envelope."""
    name = b"HPKE" + KEM_IDS[suite] + b"\x00\x01\x00\x03"
    info = b"PL1/env" + CHAIN + epoch.to_bytes(4, "little")
    text = b"\x00" + extract(name, b"", b"psk_id_hash", b"") + extract(name, b"", b"info_hash", info)
    secret = extract(name, shared, b"secret", b"")
    exporter = expand(name, secret, b"exp", text, 32)
    key, nonce = expand(name, secret, b"key", text, 32), expand(name, secret, b"base_nonce", text, 12)
    return key, nonce, expand(name, exporter, b"sec", b"PL1/ring", 32)


def dhkem_secret(dh: bytes, enc: bytes, public: bytes) -> bytes:
    name = b"KEM\x00\x20"
    return expand(name, extract(name, b"", b"eae_prk", dh), b"shared_secret", enc + public, 32)


def header(suite: int, epoch: int, public: bytes) -> bytes:
    return b"PLX1" + bytes([suite]) + epoch.to_bytes(4, "little") + sha256(public).digest()[:8]


def seal(suite: int, plaintext: bytes, epoch: int = EPOCH, public: bytes | None = None) -> bytes:
    """An envelope around any plaintext, padded by the caller."""
    public = public or town().epoch[suite].public()
    ephemeral = X25519Secret.from_bytes(town().random.randbytes(32))
    dh = ephemeral.exchange(public[-32:])
    if suite == 1:
        enc = ephemeral.public()
        shared = dhkem_secret(dh, enc, public)
    else:
        first, share = MLKEM768PublicKey.from_public_bytes(public[:1184]).encapsulate()
        enc = share + ephemeral.public()
        shared = sha3_256(first + dh + ephemeral.public() + public[1184:] + b"\\.//^\\").digest()
    key, nonce, _ = schedule(suite, shared, epoch)
    head = header(suite, epoch, public)
    return head + enc + ChaCha20Poly1305(key).encrypt(nonce, plaintext, head)


def secret_of(key: EpochKey) -> bytes:
    """The private key out of its wrapped form."""
    wrapped = key.wrap(b"w" * 32, b"n" * 12)
    return ChaCha20Poly1305(b"w" * 32).decrypt(wrapped[:12], wrapped[12:], b"PL1/wrap" + bytes([key.suite]))


def x25519_secret_of(key: EpochKey) -> X25519Secret:
    secret = secret_of(key)
    return X25519Secret.from_bytes(secret if key.suite == 1 else shake_256(secret).digest(96)[64:])


def open_by_hand(envelope: bytes) -> tuple[bytes, bytes, bytes]:
    """(TxPublic, TxPrivate, exporter) of an envelope of suite 1."""
    key = town().epoch[1]
    enc = envelope[17:49]
    shared = dhkem_secret(x25519_secret_of(key).exchange(enc), enc, key.public())
    aead_key, nonce, exporter = schedule(1, shared, EPOCH)
    plaintext = ChaCha20Poly1305(aead_key).decrypt(nonce, envelope[49:], envelope[:17])
    first = int.from_bytes(plaintext[:4], "little")
    second = int.from_bytes(plaintext[4 + first :][:4], "little")
    assert not any(plaintext[8 + first + second :])
    return plaintext[4 : 4 + first], plaintext[8 + first :][:second], exporter


def plaintext_of(public: bytes, private: bytes, suite: int = 1, size: int | None = None) -> bytes:
    """The two parts with their lengths, padded to the smallest class or to `size`."""
    body = b"".join(len(part).to_bytes(4, "little") + part for part in (public, private))
    overhead = 17 + ENC_BYTES[suite] + 16
    size = size or next(size for size in CLASSES if len(body) + overhead <= size)
    return body.ljust(size - overhead, b"\x00")
