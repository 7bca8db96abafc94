"""A small economy made by the oracle: keys, issues, returns, logs, statements, as the records of a bundle."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from . import cose, log, merkle, note, objects, sumtree
from .vectors import public_of, seed_of

T = 1_790_000_000
LIFE = 90 * 86400
ENVIRONMENT = "dev"
HOLDERS = {
    "cm:cred": "cm",
    "qc:bit": "qc",
    "is:req": "is:a",
    "is:unit": "is:a",
    "is-b:req": "is:b",
    "is-b:unit": "is:b",
    "officer-ann": "ann",
    "officer-bob": "bob",
    "bank:reg": "bank-1",
    "log-qc": "qc",
    "log-cm": "cm",
    "witness-1": "w.example",
    "custodian-1": "vault",
}
ROLES = {"is-b:req": "is:req", "is-b:unit": "is:unit", "log-qc": "log", "log-cm": "log"}
ROLES |= {
    "officer-ann": "officer",
    "officer-bob": "officer",
    "witness-1": "witness",
    "custodian-1": "custodian",
}
Record = dict[str, Any]


def policy(*signers: str) -> bytes:
    """A dc-policy of no particular content."""
    claims = objects.payload("authority", T - 50, bytes(16), {1: 1})
    return cose.sign("dc-policy", claims, [seed_of(name) for name in signers])


POLICY = policy("root-1", "root-2")


def uuid(n: int) -> bytes:
    return bytes.fromhex("0190c0de00007000800000000000") + n.to_bytes(2, "big")


def entry(name: str, **changes: Any) -> objects.KeyEntry:
    """The manifest entry of a named test key."""
    cose_key = cose.okp_key(public_of(name))
    made = objects.KeyEntry(
        cose.key_id(cose_key), cose_key, ROLES.get(name, name), HOLDERS[name], T - 100, T + LIFE, T + 2 * LIFE
    )
    return made._replace(**changes)


class World:
    """Everything is made in order; `bundle` closes the logs and gives all records."""

    def __init__(self, **entries: dict[str, Any]) -> None:
        """entries: changes to the manifest entry of a key, by its name with - and : written as _."""
        self.entries = [entry(n, **entries.get(n.replace(":", "_").replace("-", "_"), {})) for n in HOLDERS]
        self.records: list[Record] = []
        self.bodies: dict[str, list[bytes]] = defaultdict(list)
        self.sides: tuple[list[sumtree.Node], list[sumtree.Node]] = ([], [])
        self.figures: dict[str, Any] = {}
        self.serial = 100

    def cti(self) -> bytes:
        self.serial += 1
        return uuid(self.serial)

    def put(self, kind: str, data: bytes, **more: Any) -> bytes:
        self.records.append({"kind": kind, "hex": data.hex(), **more})
        return data

    def leaf(self, system: str, event: str, named: bytes, previous: bytes = log.NO_HASH) -> bytes:
        seq = len(self.bodies[system]) + 1
        self.bodies[system].append(log.body(seq, T + seq, event, named, previous))
        return self.bodies[system][-1]

    def seq(self, system: str = "qc") -> int:
        """The number of the next leaf."""
        return len(self.bodies[system]) + 1

    def count(self, side: int, currency: str, issuer: str, amount: int, body: bytes) -> None:
        row = self.figures.setdefault(currency, [0, 0, {}])
        row[side] += amount
        row[2].setdefault(issuer, [0, 0])[side] += amount
        self.sides[side].append(sumtree.leaf(amount, log.object_of(body)))

    def manifests(self, signers: tuple[str, ...] = ("root-1", "root-2")) -> list[bytes]:
        """Version 1 with the first three keys, version 2 with all."""
        seeds, made, previous = [seed_of(n) for n in signers], [], bytes(32)
        for version, entries in ((1, self.entries[:3]), (2, self.entries)):
            made.append(
                objects.manifest(
                    ENVIRONMENT,
                    version,
                    previous,
                    entries,
                    seeds,
                    iat=T - 200,
                    cti=uuid(version),
                    threshold=2,
                )
            )
            previous = cose.sha256(made[-1])
        return made

    def approval(self, request: bytes, person: str = "ann", decision: int = 1, **claims: Any) -> bytes:
        """An officer's decision on a request, good for an hour."""
        fields = {1: cose.sha256(request), 2: decision, 3: 1}
        made = objects.payload(person, T, self.cti(), fields, **({"exp": T + 3600} | claims))
        return cose.sign1("dc-appr", made, seed_of(f"officer-{person}"))

    def request(self, issuer: str, amount: int, coins: list[list[int]] | None, owner: bytes) -> bytes:
        wish = {1: "XTS", 2: amount, 3: int(coins is None), 4: owner, 5: coins, 6: "retail", 8: "carl"}
        claims = objects.payload(issuer, T, self.cti(), wish, aud="cm", exp=T + 300)
        key = "is:req" if issuer == "is:a" else "is-b:req"
        return self.put("request", cose.sign1("dc-req", claims, seed_of(key)))

    def credential_for(self, request: bytes, *approvals: bytes) -> bytes:
        """A logged credential for a request."""
        cred = objects.credential(
            request,
            seed_of("cm:cred"),
            iss="cm",
            aud="qc",
            iat=T,
            exp=T + 600,
            cti=self.cti(),
            policy=(1, cose.sha256(POLICY)),
            approvals=approvals,
        )
        self.leaf("cm", "credential", cose.object_hash(cred), cose.sha256(request))
        return self.put("credential", cred)

    def credential(self, issuer: str, amount: int, coins: list[list[int]] | None, owner: bytes) -> bytes:
        """A request and its credential with one approval."""
        request = self.request(issuer, amount, coins, owner)
        return self.credential_for(request, self.approval(request))

    def bit(self, cred: bytes, **changes: Any) -> bytes:
        """Count a credential at quota control."""
        fields = {"iss": "qc", "iat": T + 5, "exp": T + 1205, "cti": self.cti(), "seq": self.seq()} | changes
        made = objects.control_bit(cred, seed_of("qc:bit"), **fields)
        body = self.leaf("qc", "use", cose.object_hash(made), cose.object_hash(cred))
        bit = objects.parse(made)
        self.count(0, bit.body[3], bit.claims[3], bit.body[4], body)
        self.leaf("cm", "consumed", cose.object_hash(cred), cose.object_hash(made))
        return self.put("bit", made)

    def token_issue(self, issuer: str, coins: list[list[int]], owner: bytes) -> tuple[bytes, list[bytes]]:
        cred = self.credential(issuer, sum(v * n for v, n in coins), coins, owner)
        bit = self.bit(cred)
        key = seed_of("is:unit" if issuer == "is:a" else "is-b:unit")
        made = objects.make_units(objects.parse(cred).body[1], bit, key, iat=T + 6)
        for unit in made:
            self.put("unit", unit)
        minted = {1: objects.parse(bit).claims[7], 2: objects.parse(bit).body[7], 3: bytes(32)}
        self.put("minted", cose.sign1("dc-minted", objects.payload(issuer, T + 7, self.cti(), minted), key))
        self.leaf("qc", "minted", cose.sha256(bit))
        return bit, made

    def account_issue(self, amount: int) -> bytes:
        cred = self.credential("is:a", amount, None, b"bank-1/acc-7")
        bit = self.bit(cred)
        request = objects.parse(cred).body[1]
        order = objects.account_order(request, bit, seed_of("is:unit"), iat=T + 6, cti=self.cti())
        self.put("acct", order)
        return bit

    def redeem(self, units: list[bytes], owner_name: str) -> None:
        """The owner of units gives them back."""
        total = sum(objects.parse(u).body[2] for u in units)
        asked = {1: "XTS", 2: total, 3: [objects.parse(u).claims[7] for u in units], 5: "iban"}
        claims = objects.payload("alice", T + 8, self.cti(), asked, aud="is:a")
        self._receipt(self.put("redreq", cose.sign1("dc-redreq", claims, seed_of(owner_name))), total)

    def redeem_account(self, amount: int, reference: bytes) -> None:
        asked = {1: "XTS", 2: amount, 4: reference, 5: "rtgs"}
        claims = objects.payload("bank-1", T + 8, self.cti(), asked, aud="is:a")
        self._receipt(self.put("redreq", cose.sign1("dc-redreq", claims, seed_of("bank:reg"))), amount)

    def _receipt(self, redreq: bytes, amount: int) -> None:
        body = {1: bytes(32), 2: "XTS", 3: amount, 4: self.seq()}
        claims = objects.payload("qc", T + 9, self.cti(), body, aud="is:a")
        made = self.put("redeem", cose.sign1("dc-redeem", claims, seed_of("qc:bit")))
        self.count(1, "XTS", "is:a", amount, self.leaf("qc", "redeem", cose.object_hash(made), cose.sha256(redreq)))

    def tombstone(self, cred: bytes) -> None:
        body = {1: objects.parse(cred).claims[7], 2: cose.sha256(cred), 3: self.seq()}
        claims = objects.payload("qc", T + 700, self.cti(), body)
        made = self.put("tomb", cose.sign1("dc-tomb", claims, seed_of("qc:bit")))
        self.leaf("qc", "tombstone", cose.object_hash(made), cose.object_hash(cred))

    def cancel(self, bit_bytes: bytes) -> None:
        bit = objects.parse(bit_bytes)
        claims = objects.payload("is:a", T + 2000, self.cti(), {1: bit.claims[7], 2: bit.body[7], 3: b"bank-1/acc-7"})
        made = self.put("cancel", cose.sign1("dc-cancel", claims, seed_of("is:unit")))
        body = self.leaf("qc", "cancel", cose.sha256(made), cose.object_hash(bit_bytes))
        self.count(1, "XTS", "is:a", bit.body[4], body)

    def supply(self) -> bytes:
        """A statement over the log as it stands; its own leaf comes after it."""
        root = sumtree.statement_root(*map(sumtree.root, self.sides))
        body = {1: len(self.bodies["qc"]), 2: log.root(self.bodies["qc"]), 3: self.figures, 4: root}
        claims = objects.payload("qc", T + 2100, self.cti(), body)
        made = self.put("supply", cose.sign1("dc-supply", claims, seed_of("qc:bit")))
        self.leaf("qc", "supply", cose.object_hash(made))
        return made

    def checkpoint(self, system: str, size: int | None = None) -> bytes:
        bodies = self.bodies[system][:size]
        origin = note.origin(ENVIRONMENT, system)
        text = note.checkpoint_text(origin, len(bodies), log.root(bodies))
        signed = text + "\n" + note.signature_line(text, origin, seed_of(f"log-{system}"))
        signed += note.cosignature_line(text, "w.example", seed_of("witness-1"), T + 3000)
        return signed.encode()

    def sum_proof(self, side: int, index: int, body: bytes) -> Record:
        """The proof that a leaf of the log counts in the statement over the log as it stands."""
        leaves, other = self.sides[side], sumtree.root(self.sides[1 - side])
        path = [[str(total), h.hex()] for total, h in sumtree.proof(leaves, index)]
        numbers = {"size": len(self.bodies["qc"]), "index": index, "count": len(leaves)}
        more = {"amount": str(leaves[index][0]), "path": path, "other": [str(other[0]), other[1].hex()]}
        tree = ("bits", "redemptions")[side]
        return {"kind": "sum_proof", "system": "qc", "tree": tree, "hex": body.hex(), **numbers, **more}

    def inclusion(self, system: str, index: int) -> Record:
        bodies = self.bodies[system]
        path = merkle.inclusion_proof([merkle.leaf_hash(b) for b in bodies], index)
        more = {"size": len(bodies), "index": index, "path": [step.hex() for step in path]}
        return {"kind": "inclusion", "system": system, "hex": bodies[index].hex(), **more}

    def consistency(self, system: str, old: int) -> Record:
        bodies = self.bodies[system]
        proof = merkle.consistency_proof([merkle.leaf_hash(b) for b in bodies], old)
        more = {"from": old, "to": len(bodies), "path": [step.hex() for step in proof]}
        return {"kind": "consistency", "system": system, **more}

    def key_records(self) -> list[Record]:
        return [{"kind": "keys", "hex": data.hex()} for data in self.manifests()]

    def log_records(self) -> list[Record]:
        made: list[Record] = []
        for system, bodies in self.bodies.items():
            chain = log.chain(bodies)
            for body, link in zip(bodies, chain, strict=True):
                made.append({"kind": "leaf", "system": system, "hex": body.hex(), "chain": link.hex()})
            made.append({"kind": "checkpoint", "system": system, "hex": self.checkpoint(system, 2).hex()})
            made.append({"kind": "checkpoint", "system": system, "hex": self.checkpoint(system).hex()})
        return made

    def bundle(self) -> list[Record]:
        owner = cose.okp_key(public_of("owner:alice"))
        return [
            *self.key_records(),
            {"kind": "owner_key", "hex": owner.hex()},
            *self.records,
            *self.log_records(),
        ]


def lines(records: list[Record]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=True) + "\n" for record in records)


def lively() -> World:
    """A world in which each kind of thing has happened."""
    world = World()
    alice = cose.key_id(cose.okp_key(public_of("owner:alice")))
    _, made = world.token_issue("is:a", [[100, 1], [20, 2]], alice)
    world.token_issue("is:b", [[500, 3]], b"another owner")
    world.supply()
    world.account_issue(1000)
    world.tombstone(world.credential("is:b", 70, [[70, 1]], b"nobody"))
    world.redeem(made[:2], "owner:alice")
    world.redeem_account(300, b"posting")
    world.cancel(world.bit(world.credential("is:a", 40, None, b"bank-1/acc-7")))
    world.supply()
    return world
