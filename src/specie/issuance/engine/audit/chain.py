"""The log against itself: chain, tree, checkpoints, the objects that it names, and the count of state changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from specie.crypto import cose, ed25519, merkle, note
from specie.issuance.engine.audit.books import REFIXED, Books, short
from specie.issuance.messages.claims import tbs_hash
from specie.issuance.messages.keys import KeyEntry, KeyStatus
from specie.issuance.protocol.journal import CHAIN_START, chain_hash, leaf_hash, origin_of
from specie.kernel.errors import Refused

SIGNERS: Mapping[str, tuple[str, ...]] = {
    "dc-cred": ("cm:cred",),
    "dc-deny": ("cm:cred", "qc:bit"),
    "dc-bit": ("qc:bit",),
    "dc-used": ("qc:bit",),
    "dc-tomb": ("qc:bit",),
    "dc-redeem": ("qc:bit",),
    "dc-supply": ("qc:bit",),
    "dc-lease": ("qc:bit",),
}


# SPEC ISSUANCE-15.1.1, ISSUANCE-20.16, ISSUANCE-20.17
def check_log(books: Books) -> None:
    """Recompute the chain, the leaves, the frontier; no object stands in two leaves."""
    chain, at_s, seen = CHAIN_START, 0, Counter[bytes]()
    hashes = [leaf_hash(row.body) for row in books.tables["log"]]
    for number, (row, computed) in enumerate(zip(books.tables["log"], hashes, strict=True), 1):
        holds = row.seq == number and row.prev == chain and row.leaf == computed
        books.expect(holds, "CHAIN", f"leaf {row.seq} was edited or is out of place")
        chain = chain_hash(chain, computed)
    for row, leaf in zip(books.tables["log"], books.leaves, strict=False):
        holds = (row.seq, row.object) == (leaf.sequence, leaf.object_hash) and leaf.at_s >= at_s
        books.expect(holds, "CHAIN", f"leaf {row.seq} says something else than its row, or is out of time")
        at_s = max(at_s, leaf.at_s)
        seen[leaf.object_hash] += 1
    # SPEC ISSUANCE-5.4.8
    for name, count in seen.items():
        books.expect(count == 1, "I8", f"object {short(name)} stands in {count} leaves")
    head = books.head
    books.expect(head.seq == len(hashes), "CHAIN", f"the head counts {head.seq} leaves, the log has {len(hashes)}")
    books.expect(head.hash == chain, "CHAIN", "the chain does not end in the hash of the head")
    try:
        root = merkle.Frontier.decode(head.frontier, head.seq).root
    except Refused:
        root = b""
    books.expect(root == merkle.root(hashes), "CHAIN", "the Merkle frontier does not match the leaves")
    books.expect(head.at_us // 1_000_000 >= at_s, "CHAIN", "the head is older than the last leaf")
    for row in books.tables["checkpoint"]:
        check_checkpoint(books, hashes, row.note, "CHECKPOINT", row.size, row.root)


# SPEC ISSUANCE-15.2.1, ISSUANCE-17.3, ISSUANCE-20.17, ISSUANCE-20.18
def check_checkpoint(
    books: Books, hashes: Sequence[bytes], data: bytes, name: str, size: int | None = None, root: bytes | None = None
) -> None:
    """A signed checkpoint, the log's own or one that a witness kept, against the leaves."""
    try:
        signed = note.parse(data.decode())
        point = note.parse_checkpoint(signed.text)
    except (Refused, UnicodeDecodeError) as error:
        books.fault(name, "a checkpoint does not parse", why=str(error))
        return
    origin = origin_of(books.desk.identity.environment, books.system)
    what = f"checkpoint of {point.size} leaves"
    books.expect(point.origin == origin, name, f"{what} is of another log", origin=point.origin)
    books.expect(size in (None, point.size) and root in (None, point.root), name, f"{what}: its row was edited")
    books.expect(is_signed_by_log(books, signed, origin), name, f"{what} is not signed by this log")
    if books.expect(point.size <= len(hashes), name, f"{what}: the log has {len(hashes)}; it was cut or restored"):
        same = merkle.root(list(hashes[: point.size])) == point.root
        books.expect(same, name, f"{what}: this log is not a continuation of it")


def is_signed_by_log(books: Books, signed: note.Note, origin: str) -> bool:
    """By any `log` key that a manifest ever named for this system."""
    for _, keys in books.key_sets:
        for entry in keys.of_role("log"):
            if entry.holder != books.system:
                continue
            try:
                note.verify(signed, origin, keys.publics[entry.kid])
            except Refused:
                continue
            return True
    return False


def check_witnessed(books: Books, notes: Sequence[bytes]) -> None:
    """What others have seen of this log must still be in it."""
    hashes = [leaf_hash(row.body) for row in books.tables["log"]]
    for data in notes:
        check_checkpoint(books, hashes, data, "WITNESS")


# SPEC ISSUANCE-15.6.1, ISSUANCE-5.4.8
def check_objects(books: Books) -> None:
    """Every object that this system made: its hash is of its bytes, its leaf is there, its signature verifies."""
    publics, messages, signatures, names = [], [], [], []
    for said in books.said.values():
        row, what = said.row, f"{said.row.typ} {said.row.cti.hex()}"
        books.expect(row.hash == tbs_hash(row.typ, row.kid, row.payload), "ROW", f"{what}: the bytes were edited")
        leaf = books.by_object.get(row.hash)
        books.expect(leaf is not None, "I8", f"{what} is in no leaf")
        books.expect(said.claims.cti == row.cti and said.claims.iss == books.system, "ROW", f"{what}: id or maker")
        entry = signer_of(books, row.kid, row.typ, said.claims.iat, leaf.sequence if leaf else None)
        if entry is None:
            books.fault("SIGNATURE", f"{what}: its key could not sign it")
        elif row.signature is not None and books.keys is not None:
            publics.append(books.keys.publics[row.kid])
            messages.append(cose.to_be_signed(row.typ, row.kid, row.payload))
            signatures.append(row.signature)
            names.append(what)
    for what, good in zip(names, ed25519.verify_many(publics, messages, signatures), strict=True):
        books.expect(good, "SIGNATURE", f"{what}: the signature does not verify")


def signer_of(books: Books, kid: bytes, typ: str, iat: int, sequence: int | None) -> KeyEntry | None:
    """The key of this system that could sign at that time; a revoked one counts only before its position."""
    entry = books.keys.entries.get(kid) if books.keys else None
    if entry is None or entry.holder != books.system or entry.role not in SIGNERS[typ]:
        return None
    # its times are those of the manifest that was in force then: a later one may have ended its life
    then = books.keys_at(sequence) if sequence is not None else books.keys
    known = then.entries.get(kid) if then is not None else None
    if known is None or not known.nbf <= iat < known.signing_until:
        return None
    if entry.status == KeyStatus.REVOKED:
        limit = entry.compromised_from
        return entry if limit is not None and sequence is not None and sequence < limit else None
    return entry


# SPEC ISSUANCE-5.4.8
def check_count(books: Books, expected: Mapping[str, int]) -> None:
    """Log size = number of state changes: per event, from the tables. What no table counts is a fault."""
    found = Counter(leaf.event for leaf in books.leaves)
    rules = books.tables
    total = {
        "keys": len(rules["manifest"]),
        "policy": len(rules["policy"]),
        "pause": len(rules["pause"]),
        "resume": len({row.lifted_by for row in rules["pause"] if row.lifted_by is not None}),
        "reserve": len(rules["reserve"]),
        # bytes fixed anew replace those before them: the leaf alone remembers
        REFIXED: found[REFIXED],
        **expected,
    }
    for event in sorted(found.keys() | total.keys()):
        is_same = found[event] == total.get(event, 0)
        books.expect(is_same, "I8", f"{found[event]} leaves of {event}, {total.get(event, 0)} changes in the tables")
    for row in rules["pause"] + rules["reserve"]:
        holds = row.hash == sha256(row.data).digest() and row.hash in books.by_object
        books.expect(holds, "ROW", f"a pause or an attestation is not the one in the log: {row.hash.hex()}")
