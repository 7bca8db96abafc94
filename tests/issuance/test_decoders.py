"""Any bytes are read as the one object that they are, or refused: never anything else (h11's fuzz rule)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specie.crypto import cose
from specie.issuance.errors import Denial
from specie.issuance.messages import keys, objects, policy
from specie.issuance.messages.claims import Claims, payload_of, read_payload
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.journal import Leaf
from specie.issuance.wallet.founding import first_policy
from specie.kernel import codec
from specie.kernel.errors import Refused
from tests.issuance.house import CURRENCY, START_US, terms

H, ID = b"\x05" * 32, b"\x06" * 16
KEY = cose.cose_key(b"\x09" * 32, "ed25519")
ENTRY = keys.KeyEntry(ID, KEY, "officer", "mina", 1, 2, 3, 1, 4, "risk", "is:bank-01")
BODIES: list[Body] = [
    objects.Request(CURRENCY, 15_000, 0, b"alice", "retail", ((10_000, 1), (5_000, 1)), ID, "olga", 1_790_000_000),
    objects.Approval(H, 1, 2, "fine"),
    objects.Credential(b"request", H, "is:bank-01", CURRENCY, 5, 0, 7, H, (b"word",), H, H),
    objects.Presentation(b"sealed", H),
    objects.ControlBit(ID, H, CURRENCY, 5, 1, H, H, 1, 9),
    objects.Unit(CURRENCY, 5, b"alice", H, 3, (H, H), 1_790_000_000, {"purpose": "food"}),
    objects.AccountOrder(CURRENCY, 5, b"bank:harbour/a-1", H, ID),
    objects.Deny(H, "QUOTA_EXCEEDED", "daily", 4, 1_790_000_000),
    objects.Used(ID, H, 3),
    objects.Tombstone(ID, H, 3),
    objects.Minted(ID, H, H),
    objects.Cancel(ID, H, b"bank:harbour/a-1"),
    objects.RedemptionRequest(CURRENCY, 5, "account 7", (ID,)),
    objects.RedemptionRequest(CURRENCY, 5, "", None, H),
    objects.Redemption(H, CURRENCY, 5, 6),
    objects.Reserve(CURRENCY, 0, 1_790_000_000),
    objects.Lease("stock:XTS", 5, "qc-2"),
    objects.Revoke(ID, "lost", 4),
    objects.Pause("platform", 1, "over", (H,)),
    objects.Supply(3, H, {CURRENCY: (9, 4, {"is:bank-01": (9, 4)})}, H),
    objects.Enrolment(KEY, "is:req", "is:bank-01"),
    keys.KeyManifest("dev", 1, bytes(32), (ENTRY,), 2),
    first_policy("dev", terms(), START_US // 1_000_000),
]
NAMES = [type(body).__name__ for body in BODIES]
CLAIMS = Claims("is:bank-01", 1_790_000_000, ID, "cm", 1_790_000_300, 1_790_000_000)
SCALARS = st.one_of(
    st.integers(-(2**64), 2**64 - 1),
    st.binary(max_size=40),
    st.text(max_size=20),
    st.booleans(),
    st.just([]),
    st.just({}),
)


def finished(body: Body) -> bytes:
    return cose.assemble_sign1(body.typ, ID, payload_of(CLAIMS, body), bytes(64))  # type: ignore[attr-defined]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a decoded value."""
    inner: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    )
    return [path, *(each for key, part in inner for each in places(part, (*path, key)))]


def planted(value: Any, path: tuple[Any, ...], what: Any) -> Any:
    if not path:
        return what
    if isinstance(value, dict):
        return {key: planted(part, path[1:], what) if key == path[0] else part for key, part in value.items()}
    return [planted(part, path[1:], what) if place == path[0] else part for place, part in enumerate(value)]


# SPEC ISSUANCE-3.3.6, ISSUANCE-21.7
@pytest.mark.parametrize("body", BODIES, ids=NAMES)
def test_what_is_written_is_read(body: Body) -> None:
    data = finished(body)
    item = read_unverified(data, type(body))
    assert (item.body, item.claims) == (body, CLAIMS)
    assert finished(item.body) == data


# SPEC ISSUANCE-21.7, ISSUANCE-3.3.5, ISSUANCE-20.22, ISSUANCE-20.23
@pytest.mark.parametrize("body", BODIES, ids=NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_bytes(body: Body, data: st.DataObject) -> None:
    """Cut, lengthened, flipped: a Denial, or an object whose encoding is these very bytes."""
    raw = bytearray(finished(body))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        if not raw:
            break
    try:
        item = read_unverified(bytes(raw), type(body))
    except Denial:
        return
    again = cose.assemble_sign1(item.typ, item.kid, payload_of(item.claims, item.body), item.signature, item.alg)
    assert again == bytes(raw)


# SPEC ISSUANCE-21.7, ISSUANCE-6.2.6
@pytest.mark.parametrize("body", BODIES, ids=NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_well_formed_nonsense(body: Body, data: st.DataObject) -> None:
    """Another value at any place of the payload: SCHEMA, or an object that is written as it was read."""
    value: Any = codec.decode(payload_of(CLAIMS, body), bytes_max=2**18)
    path = data.draw(st.sampled_from(places(value)))
    try:
        payload = codec.encode(planted(value, path, data.draw(SCALARS)))
    except (ValueError, TypeError):
        return
    try:
        claims, read = read_payload(type(body), payload)
    except Denial:
        return
    assert payload_of(claims, read) == payload


# SPEC ISSUANCE-21.7
@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    for kind in (objects.Request, policy.Policy, keys.KeyManifest):
        with pytest.raises(Denial):
            read_unverified(raw, kind)
    try:
        leaf = Leaf.decode(raw)
    except Refused:
        return
    assert leaf.encode() == raw
