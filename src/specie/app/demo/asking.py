"""The first half of the story: founding, a refusal with its evidence, and one issue through the six steps."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from specie.app.demo.stage import Stage
from specie.app.demo.story import AMOUNT, TOO_MUCH, Memory, Told, check
from specie.app.http.client import RemoteRefused
from specie.issuance.cli.gathering import Piece, gather
from specie.issuance.messages.objects import ControlBit, Deny
from specie.issuance.protocol.envelope import open_one, read_unverified
from specie.issuance.wallet.officer import approve
from specie.issuance.wallet.owner import verify_unit

OPERATOR, OFFICER, OWNER, PAYEE = "omar", "mina", "alice", "bob"
PILES = ((100, 40), (50, 20))
"""What Alice gets: 40 units of 100.00 and 20 of 50.00."""


def short(data: bytes) -> str:
    """Enough of a key id or a hash to compare by eye."""
    return data.hex()[:12]


async def tell_founding(stage: Stage, memory: Memory, told: Told) -> None:
    """Everybody's keys, the key manifest, the quota policy, and what the quota is."""
    office = stage.office
    keys = await office.read_keys()
    policy = await office.read_policy()
    memory.currency = office.place.currency
    memory.digits = office.digits(memory.currency)
    signers = len(stage.place.roots())
    tiers = policy.tiers[memory.currency]
    figures = await office.central_management.quotas()
    check(figures.policy_version == policy.version, "all systems have the same policy")
    daily = next(limit for limit in policy.limits if limit.name == "daily")
    systems = ", ".join(stage.place.system_id(role) for role in stage.built.roles)
    for name in (OWNER, PAYEE):
        if not stage.wallets.has_wallet(name):
            await stage.wallets.new_wallet(name)
    async with stage.wallets.wallet(OWNER) as alice:
        _, address = await alice.receive("issuer")
    memory.address = address.data
    chain = await stage.wallets.ledger().status()
    check(chain.dev and chain.enclave == "simulated", "a sandbox's ledger says that it is one")
    told.lines = [
        f"systems {systems}: one process, each with its own store and keys; separation of duties is OFF",
        f"{len(keys.entries)} keys in manifest {keys.version}, signed by {keys.manifest.threshold} of {signers} root"
        f" holders; policy {policy.version}, hash {short(sha256(office.policy_data).digest())}",
        f"quota {office.words(daily.cap, memory.currency)} today; no officer up to"
        f" {office.words(tiers[0].up_to, memory.currency)}, one up to {office.words(tiers[1].up_to, memory.currency)},"
        " two above",
        f"ledger {chain.chain_id[:12]}: 1 verification node, ring size {chain.ring_size}, enclave SIMULATED; wallets of"
        " Alice and Bob",
    ]
    told.figures = {
        "data_dir": str(stage.config.data_dir),
        "separation_of_duties": False,
        "systems": [stage.place.system_id(role) for role in stage.built.roles],
        "keys": len(keys.entries),
        "manifest": keys.version,
        "policy": policy.version,
        "quota": {"currency": memory.currency, "value": office.plain(daily.cap, memory.currency)},
    }


async def order(stage: Stage, memory: Memory, value: str, piles: list[tuple[str, int]], key: str) -> Any:
    """`POST /v1/issues` as an operator's program sends it."""
    body = {
        "amount": {"currency": memory.currency, "value": value},
        "owner": sha256(memory.address).hexdigest(),
        "address": memory.address.hex(),
        "purpose": "retail",
        "operator": OPERATOR,
        "denominations": [{"value": each, "count": count} for each, count in piles],
    }
    memory.order = json.dumps(body).encode()
    return await post(stage, memory.order, key)


async def post(stage: Stage, body: bytes, key: str) -> Any:
    """The call itself, under its key."""
    caller = stage.place.caller("issuance")
    return await caller.call("POST", "/v1/issues", body, "application/json", (("idempotency-key", key),))


# SPEC ISSUANCE-7.1, ISSUANCE-7.2
async def tell_refusal(stage: Stage, memory: Memory, told: Told) -> None:
    """Twice the quota of the day is asked for. The refusal names the rule, and is signed."""
    office = stage.office
    before = await office.central_management.quotas()
    asked = office.parse(TOO_MUCH, memory.currency)
    try:
        await order(stage, memory, TOO_MUCH, [(TOO_MUCH, 1)], stage.place.new_id().hex())
    except RemoteRefused as refusal:
        denied = refusal
    else:
        check(False, f"{TOO_MUCH} must be refused")
        return
    office.enrich(denied, asked, memory.currency)
    keys = await office.read_keys()
    evidence = open_one(denied.evidence, Deny, keys, lambda kid: keys.entry(kid, ("cm:cred",)))
    after = await office.central_management.quotas()
    daily = next(each for each in after.buckets if each.name == evidence.body.bucket)
    check(denied.code == "issuance.quota_exceeded", f"refused as {denied.code}")
    check(evidence.body.available == daily.available, "the denial names what is left")
    check(held(before) == held(after), "nothing was reserved by a refused request")
    shown = await office.issuance.show(bytes.fromhex(str(denied.facts["issue"])))
    check(evidence.body.object_hash == shown.request_hash, "the denial names the request")
    told.lines = [
        f"Omar asks for {office.words(asked, memory.currency)} ─ refused: rule {evidence.body.bucket!r} leaves"
        f" {denied.facts['available']} ({denied.code})",
        f"signed denial of {evidence.claims.iss}: key {short(evidence.kid)} hash {short(evidence.hash)}, of request"
        f" {short(evidence.body.object_hash)}",
        "its signature verifies; nothing was reserved, nothing moved",
    ]
    told.figures = {
        "code": denied.code,
        "bucket": evidence.body.bucket,
        "asked": office.plain(asked, memory.currency),
        "remaining": office.plain(evidence.body.available or 0, memory.currency),
        "denial": {"key": evidence.kid.hex(), "hash": evidence.hash.hex(), "verified": True},
    }


def held(quotas: Any) -> list[tuple[str, int, int]]:
    """What is reserved and used, by bucket."""
    return sorted((each.name, each.reserved, each.used) for each in quotas.buckets if each.reserved or each.used)


async def tell_request(stage: Stage, memory: Memory, told: Told) -> None:
    """Step 1: the signed request. It waits: its tier needs an officer."""
    office = stage.office
    memory.key = stage.place.new_id().hex()
    piles = [(f"{value}.{'0' * memory.digits}".rstrip("."), count) for value, count in PILES]
    reply = await order(stage, memory, AMOUNT, piles, memory.key)
    view = json.loads(reply.body)
    memory.issue = bytes.fromhex(view["id"])
    check(reply.status == 202 and view["state"] == "requested", "the request waits for an officer")
    waiting = {sha256(each).digest(): each for each in await office.central_management.waiting()}
    check(bytes.fromhex(view["request_hash"]) in waiting, "central management shows the request to officers")
    memory.request = waiting[bytes.fromhex(view["request_hash"])]
    (piece,) = (await gather(office, memory.issue)).of("dc-req")
    told.lines = [
        f"Omar asks for {office.words(office.parse(AMOUNT, memory.currency), memory.currency)} for Alice",
        line(1, "request", piece, moment(piece), "waits for an officer"),
    ]
    told.figures = figures_of(piece, moment(piece)) | {"amount": AMOUNT, "state": "pending"}


async def tell_validation(stage: Stage, memory: Memory, told: Told) -> None:
    """Step 2: checks C1 to C17, and the officer's signature over the exact bytes of the request."""
    office = stage.office
    approval = await approve(stage.place.hand(OFFICER), memory.request, 1)
    state = await office.central_management.approve(approval)
    check(state == "credentialed", f"after the approval the request is {state}")
    (piece,) = (await gather(office, memory.issue)).of("dc-appr")
    told.lines = [line(2, "validation", piece, moment(piece), "Mina approves")]
    told.figures = figures_of(piece, moment(piece)) | {"officer": OFFICER, "state": state}


async def tell_credential(stage: Stage, memory: Memory, told: Told) -> None:
    """Step 3: the signed, then sealed credential. Its going on from here is steps 4 to 6."""
    office = stage.office
    begun = time.perf_counter()
    view = await office.issuance.execute(memory.issue)
    if view.state != "released":
        check(await stage.until(lambda: is_released(stage, memory)), "the issue is released")
    told.seconds = time.perf_counter() - begun
    case = memory.case = await gather(office, memory.issue)
    check(case.verified, "every signature of the issue verifies")
    (piece,) = case.of("dc-cred")
    told.lines = [line(3, "credential", piece, moment(piece), "sealed to quota control")]
    told.figures = figures_of(piece, moment(piece))


async def is_released(stage: Stage, memory: Memory) -> bool:
    return (await stage.office.issuance.show(memory.issue)).state == "released"


async def tell_presentation(stage: Stage, memory: Memory, told: Told) -> None:
    """Step 4: the credential goes on unchanged."""
    (piece,) = memory.case.of("dc-pres")
    told.lines = [line(4, "presentation", piece, moment(piece), "forwarded unchanged")]
    told.figures = figures_of(piece, moment(piece))


async def tell_control_bit(stage: Stage, memory: Memory, told: Told) -> None:
    """Step 5: quota control counts in real time and signs."""
    (piece,) = memory.case.of("dc-bit")
    place = piece.leaves[piece.iss][0]
    told.lines = [line(5, "control bit", piece, moment(piece), f"counted at log position {place}")]
    told.figures = figures_of(piece, moment(piece)) | {"sequence": place}


async def tell_units(stage: Stage, memory: Memory, told: Told) -> None:
    """Step 6: exactly the units of the bit's root; each is checked by the wallet of their owner."""
    office, case = stage.office, memory.case
    keys, now_s = await office.read_keys(), stage.place.clock.now_us() // 1_000_000
    memory.units = list(await office.issuance.units(memory.issue))
    opened = [verify_unit(unit, keys, now_s) for unit in memory.units]
    total = sum(unit.body.value for unit in opened)
    memory.unit_root = read_unverified(opened[0].body.control_bit, ControlBit).body.unit_root
    check(len(opened) == sum(count for _, count in PILES), "as many units as were asked for")
    check(total == office.parse(AMOUNT, memory.currency), "the units add up")
    check(all(unit.body.owner == sha256(memory.address).digest() for unit in opened), "the units are Alice's")
    serials = {unit.claims.cti for unit in opened}
    check(len(serials) == len(opened), "every unit has a serial of its own")
    first: Piece = case.of("dc-unit")[0]
    made = moment(case.of("dc-minted")[0])
    told.lines = [
        line(6, "units", first, made, f"{len(opened)} units, {office.words(total, memory.currency)}"),
        "Alice's wallet verified each unit: its signature, its control bit, its place under the root",
    ]
    told.figures = figures_of(first, made) | {
        "units": len(opened),
        "value": office.plain(total, memory.currency),
        "verified": len(opened),
    }


def moment(piece: Piece) -> str:
    """When its id was made: a UUIDv7 begins with milliseconds (RFC 9562)."""
    at_ms = int.from_bytes(piece.cti[:6], "big")
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%H:%M:%S") + f".{at_ms % 1000:03d}"


def line(number: int, name: str, piece: Piece, at: str, said: str) -> str:
    """One of the six steps: who signed, with which key, what came out, when."""
    return f"{number} {name:<12} {piece.iss:<5} key {short(piece.kid)} hash {short(piece.hash)} {at}  {said}"


def figures_of(piece: Piece, at: str) -> dict[str, Any]:
    check(not piece.fault, f"{piece.name}: {piece.fault}")
    return {
        "typ": piece.typ,
        "signer": piece.iss,
        "key": piece.kid.hex(),
        "hash": piece.hash.hex(),
        "signature_verifies": not piece.fault,
        "at": at,
        "log": {system: place for system, (place, _) in piece.leaves.items()},
    }
