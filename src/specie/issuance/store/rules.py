"""Policy, key manifest, pauses and reserves as one system has accepted them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from specie.crypto import cose
from specie.issuance.messages.claims import read_payload
from specie.issuance.messages.objects import Reserve
from specie.issuance.messages.policy import Policy
from specie.issuance.protocol.keyset import KeySet, read_manifest
from specie.issuance.protocol.policy import PolicyBook, Version
from specie.kernel.db import Transaction


@dataclass(frozen=True, slots=True)
class Attestation:
    """The reserve attestation of one custodian that counts."""

    custodian: str
    amount: int
    as_of: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class InForce:
    """Everything that a decision depends on besides buckets and rows, at one state of `head.rules`."""

    rules: int
    keys: KeySet | None
    book: PolicyBook | None
    pauses: frozenset[str]
    attestations: dict[str, dict[str, Attestation]]
    """Currency to custodian to attestation."""
    confirmed_us: int
    """When central management last confirmed that this manifest is the newest."""


def load(tx: Transaction, rules: int, roots: dict[bytes, bytes], environment: str) -> InForce:
    """Read and verify again what is stored; an edited row does not get past this. Raises ManifestRefused."""
    datas = tuple(row[0] for row in tx.all("SELECT data FROM manifest ORDER BY version"))
    keys = read_chain(datas, tuple(sorted(roots.items())), environment) if datas else None
    versions = []
    for data, digest, accepted_us, delay_s in tx.all(
        "SELECT data, hash, accepted_us, delay_s FROM policy ORDER BY version"
    ):
        versions.append(Version(read_contents(data), digest, accepted_us, delay_s))
    scopes = {row[0] for row in tx.all("SELECT scope FROM pause WHERE lifted_by IS NULL")}
    row = tx.one("SELECT confirmed_us FROM fresh WHERE id = 1")
    return InForce(
        rules=rules,
        keys=keys,
        book=PolicyBook(tuple(versions)) if versions else None,
        pauses=frozenset(scopes),
        attestations=_attestations(tx),
        confirmed_us=row[0] if row else 0,
    )


@lru_cache(maxsize=64)
def read_chain(datas: tuple[bytes, ...], roots: tuple[tuple[bytes, bytes], ...], environment: str) -> KeySet:
    """The manifest at the end of a chain, every one of it verified. The same bytes under the same roots are verified
    once: every change of rules reads them again. Raises ManifestRefused."""
    before = read_chain(datas[:-1], roots, environment) if len(datas) > 1 else None
    return read_manifest(datas[-1], dict(roots), environment, before)


@lru_cache(maxsize=64)
def read_contents(data: bytes) -> Policy:
    """What a policy says; its signatures were verified when it was accepted."""
    return read_payload(Policy, cose.parse_sign(data, bytes_max=2**18).payload)[1]


# SPEC ISSUANCE-5.6.4
def _attestations(tx: Transaction) -> dict[str, dict[str, Attestation]]:
    """The highest as_of ever seen counts; of two with one as_of, the lower amount."""
    answer: dict[str, dict[str, Attestation]] = {}
    rows = tx.all("SELECT currency, custodian, amount, as_of, hash FROM reserve ORDER BY as_of, amount DESC")
    for currency, custodian, amount, as_of, digest in rows:
        answer.setdefault(currency, {})[custodian] = Attestation(custodian, amount, as_of, digest)
    return answer


def add_manifest(tx: Transaction, keys: KeySet, data: bytes, now_us: int) -> None:
    tx.insert_many(
        "manifest",
        {"version": "int", "hash": "blob", "data": "blob", "accepted_us": "int"},
        [(keys.version, keys.hash, data, now_us)],
    )
    confirm_keys(tx, now_us)


def confirm_keys(tx: Transaction, now_us: int) -> None:
    """Central management has just confirmed that this manifest is the newest."""
    if tx.run("UPDATE fresh SET confirmed_us = ? WHERE id = 1", (now_us,)) == 0:
        tx.run("INSERT INTO fresh(id, confirmed_us) VALUES (1, ?)", (now_us,))


def manifests_since(tx: Transaction, version: int) -> list[bytes]:
    return [row[0] for row in tx.all("SELECT data FROM manifest WHERE version > ? ORDER BY version", (version,))]


def policies_since(tx: Transaction, version: int) -> list[bytes]:
    return [row[0] for row in tx.all("SELECT data FROM policy WHERE version > ? ORDER BY version", (version,))]


def add_policy(tx: Transaction, policy: Policy, digest: bytes, data: bytes, now_us: int, delay_s: int) -> None:
    tx.insert_many(
        "policy",
        {"version": "int", "hash": "blob", "data": "blob", "accepted_us": "int", "delay_s": "int"},
        [(policy.version, digest, data, now_us, delay_s)],
    )


def add_pause(tx: Transaction, digest: bytes, scope: str, data: bytes, now_us: int) -> bool:
    """Enter a pause; False where this very pause is known, lifted or not."""
    if tx.one("SELECT hash FROM pause WHERE hash = ?", (digest,)) is not None:
        return False
    tx.insert_many(
        "pause",
        {"hash": "blob", "scope": "text", "data": "blob", "at_us": "int"},
        [(digest, scope, data, now_us)],
    )
    return True


# SPEC ISSUANCE-12.5.2
def lift_pauses(tx: Transaction, scope: str, hashes: Iterable[bytes], by: bytes) -> int:
    """Lift exactly the named pauses of this scope; returns how many were in force."""
    return sum(
        tx.run(
            "UPDATE pause SET lifted_by = ? WHERE hash = ? AND scope = ? AND lifted_by IS NULL",
            (by, each, scope),
        )
        for each in hashes
    )


def pauses(tx: Transaction) -> list[tuple[str, bytes, int]]:
    """(scope, hash, at_us) of the pauses in force."""
    rows = tx.all("SELECT scope, hash, at_us FROM pause WHERE lifted_by IS NULL ORDER BY at_us")
    return [(row[0], row[1], row[2]) for row in rows]


def add_reserve(tx: Transaction, custodian: str, reserve: Reserve, digest: bytes, data: bytes) -> bool:
    """Keep an attestation; False where it is known."""
    if tx.one("SELECT hash FROM reserve WHERE hash = ?", (digest,)) is not None:
        return False
    tx.insert_many(
        "reserve",
        {
            "custodian": "text",
            "currency": "text",
            "amount": "int",
            "as_of": "int",
            "hash": "blob",
            "data": "blob",
        },
        [(custodian, reserve.currency, reserve.amount, reserve.as_of, digest, data)],
    )
    return True
