"""The end of the story: replays, forgeries, the stand-alone verifier, the books."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from specie.app.books import audit_books, bundle_books
from specie.app.config.model import SYSTEMS
from specie.app.demo.asking import OWNER, held, post, short
from specie.app.demo.spending import stock
from specie.app.demo.stage import Stage
from specie.app.demo.story import AMOUNT, REDEEMED, Memory, Told, check
from specie.crypto import cose
from specie.crypto.ed25519 import SigningKey
from specie.issuance.api import Parcel
from specie.issuance.messages.claims import Claims, Signed, payload_of
from specie.issuance.messages.objects import Unit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.wallet.owner import redemption_request, verify_unit
from specie.kernel.errors import Refused

VERIFIER = Path(__file__).resolve().parents[4] / "tools" / "specie_verify.py"


# SPEC ISSUANCE-10.1.2
async def tell_replay(stage: Stage, memory: Memory, told: Told) -> None:
    """The order again under its key, and the presentation again: nothing counts twice."""
    office = stage.office
    before = held(await office.quota_control.quotas())
    reply = await post(stage, memory.order, memory.key)
    view = json.loads(reply.body)
    check(bytes.fromhex(view["id"]) == memory.issue and reply.replayed, "the same order is the same issue")
    (shown,) = memory.case.of("dc-pres")
    (bit,) = memory.case.of("dc-bit")
    caller = stage.place.caller("quota-control")
    again = await caller.call("POST", "/v1/control-bits", shown.data)
    check(again.body == bit.data and again.replayed, "the presentation again gets the same control bit")
    check(held(await office.quota_control.quotas()) == before, "no second decrement")
    told.lines = [
        f"the same order again ─ the same issue {short(memory.issue)}, marked as a replay",
        f"the same presentation again ─ the same control bit {short(bit.hash)}; no bucket moved",
    ]
    told.figures = {"same_issue": True, "same_bit": True, "second_decrement": False}


# SPEC ISSUANCE-4.7.1, ISSUANCE-14.2
async def tell_forgery(stage: Stage, memory: Memory, told: Told) -> None:
    """Another value, one more unit, a stranger's key: each is refused, off line and at the door."""
    office = stage.office
    keys, now_s = await office.read_keys(), stage.place.clock.now_us() // 1_000_000
    unit = read_unverified(memory.units[0], Unit)
    forged = {
        "another value": replace_payload(unit, replace(unit.body, value=unit.body.value * 10)),
        "one more unit": await sign_as_issuer(stage, unit, replace(unit.body, index=len(memory.units))),
        "a stranger's key": sign_as_stranger(unit),
    }
    told.figures = {"refused": {}}
    for name, data in forged.items():
        code = ""
        try:
            verify_unit(data, keys, now_s)
        except Refused as refusal:
            code = refusal.code
        check(code, f"a unit with {name} must be refused")
        told.figures["refused"][name.replace(" ", "_").replace("'", "")] = code
        door = await redeem_forged(stage, data)
        check(door, f"a unit with {name} must not be redeemed")
        told.lines.append(f"{name:<17} ─ wallet: {code:<24} quota control: {door}")


def replace_payload(unit: Signed[Unit], body: Unit) -> bytes:
    """Other words under the old signature."""
    return cose.assemble_sign1(unit.typ, unit.kid, payload_of(unit.claims, body), unit.signature)


async def sign_as_issuer(stage: Stage, unit: Signed[Unit], body: Unit) -> bytes:
    """What an issuance system that turns bad would make: its own key, a unit that no control bit covers."""
    part = stage.built.parts["issuance"]
    claims = replace(unit.claims, cti=stage.place.new_id())
    payload = payload_of(claims, body)
    tbs = cose.to_be_signed(unit.typ, unit.kid, payload)
    signature = await part.keystore.sign(part.keystore.uri(unit.kid.hex()), "cose", tbs, claims.cti)
    return cose.assemble_sign1(unit.typ, unit.kid, payload, bytes(signature))


def sign_as_stranger(unit: Signed[Unit]) -> bytes:
    """A unit by a key that stands in no manifest."""
    key = SigningKey.from_seed(bytes(range(32)))
    kid = cose.key_id(key.public())
    payload = payload_of(Claims(unit.claims.iss, unit.claims.iat, unit.claims.cti), unit.body)
    return cose.assemble_sign1(unit.typ, kid, payload, key.sign(cose.to_be_signed(unit.typ, kid, payload)))


async def redeem_forged(stage: Stage, data: bytes) -> str:
    """Try to redeem it at quota control, as its issuance system would; the code of the refusal."""
    hand = stage.place.hand(OWNER)
    parcel = Parcel(await redemption_request(hand, [data], "cash desk"), await hand.cose_key(), (data,))
    try:
        await stage.office.quota_control.redeem(parcel)
    except Refused as refusal:
        return refusal.code
    return ""


# SPEC ISSUANCE-16.4.1
async def tell_verification(stage: Stage, memory: Memory, told: Told) -> None:
    """Everything signed and logged, in one file, checked by a program that knows only the root keys."""
    check(await stage.until(lambda: is_settled(stage)), "the systems have told each other everything")
    bundle = await bundle_books([stage.engine(role) for role in SYSTEMS])
    records = bundle.count("\n")
    if not VERIFIER.is_file():
        told.lines = [f"bundle of {records} records; tools/specie_verify.py is not here to check it"]
        told.figures = {"records": records, "checked": False}
        return
    answer = await run_verifier(bundle, list(stage.place.roots().values()))
    check(answer["ok"], f"specie-verify: {answer['failures'][:3]}")
    counts = answer["verified"]
    check(counts.get("unit", 0) >= len(memory.units), "the verifier saw every unit")
    told.lines = [
        f"bundle of {records} records ─ specie-verify, knowing the root keys alone: "
        + ", ".join(
            f"{counts[kind]} {kind}" for kind in ("keys", "credential", "bit", "unit", "redeem") if kind in counts
        )
        + " verify"
    ]
    told.figures = {
        "records": records,
        "checked": True,
        "verified": counts,
        "bundle": sha256(bundle.encode()).hexdigest(),
    }


async def is_settled(stage: Stage) -> bool:
    """Has central management applied the use and the redemption that quota control counted?"""
    there = await stage.office.central_management.quotas()
    return max(each.used for each in there.buckets if each.kind == "stock") == await stock(stage)


async def run_verifier(bundle: str, roots: list[bytes]) -> Any:
    """tools/specie_verify.py as an auditor runs it."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write(bundle)
        file.flush()
        arguments = [word for public in roots for word in ("--root", public.hex())]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(VERIFIER), "bundle", file.name, "--json", *arguments),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    return json.loads(out)


# SPEC ISSUANCE-15.3.2
async def tell_books(stage: Stage, memory: Memory, told: Told) -> None:
    """The supply equation, computed anew from the logs."""
    report = await audit_books(stage.config, [stage.engine(role) for role in SYSTEMS])
    memory.books = dict(report)
    told.figures = memory.books
    terms = report["terms"][memory.currency]
    check(report["balanced"], f"the books do not balance: {report['differences'][:3]}")
    if memory.used_before == stage.office.parse(AMOUNT, memory.currency):
        check((terms["issued"], terms["redeemed"]) == (AMOUNT, REDEEMED), "the books say what happened")
