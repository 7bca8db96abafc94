"""The issue of annex B of the issuance chapter, built here from its seeds, ids and times."""

from dataclasses import dataclass
from hashlib import sha256

from specie.crypto import cose, units
from specie.crypto.ed25519 import SigningKey
from specie.kernel import codec

T = 1_790_000_000
NAMES = ("iss:bank-01", "cms", "qcs", "owner:alice")
DENOMINATIONS = [(10_000, 1), (2_000, 2), (1_000, 1)]
AMOUNT = 15_000


def cti(number: int) -> bytes:
    return bytes.fromhex("0190c0de00007000") + bytes.fromhex("8000000000000000")[:7] + bytes([number])


def seed(name: str) -> bytes:
    return sha256(b"dc-test-key/" + name.encode()).digest()


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


@dataclass(frozen=True)
class Issue:
    """Every object of the issue, as bytes."""

    request: bytes
    credential: bytes
    control_bit: bytes
    units: list[bytes]
    unit_root: bytes


def signed(name: str, typ: str, claims: dict[int, object]) -> bytes:
    key = SigningKey.from_seed(seed(name))
    kid, payload = cose.key_id(key.public()), codec.encode(claims)
    return cose.assemble_sign1(typ, kid, payload, key.sign(cose.to_be_signed(typ, kid, payload)))


def build_issue() -> Issue:
    """Request, credential, control bit and units, in this order."""
    owner = cose.key_id(SigningKey.from_seed(seed("owner:alice")).public())
    body: dict[int, object] = {
        1: "XDC",
        2: AMOUNT,
        3: 0,
        4: owner,
        5: [list(pair) for pair in DENOMINATIONS],
        6: "retail",
    }
    claims = {1: "iss:bank-01", 3: "cms", 4: T + 300, 6: T, 7: cti(1), -70000: body}
    request = signed("iss:bank-01", "dc-req", claims)

    root, count = units.root(cti(2), "XDC", owner, DENOMINATIONS)
    body = {1: request, 2: digest(request), 3: "iss:bank-01", 4: "XDC", 5: AMOUNT, 6: 0}
    body |= {7: 7, 8: digest(b"policy-7"), 9: [], 10: root}
    claims = {1: "cms", 3: "qcs", 4: T + 600, 5: T + 1, 6: T + 1, 7: cti(2), -70000: body}
    credential = signed("cms", "dc-cred", claims)

    body = {1: cti(2), 2: digest(credential), 3: "XDC", 4: AMOUNT, 5: 0}
    body |= {6: digest(owner), 7: root, 8: count, 9: 42}
    claims = {1: "qcs", 3: "iss:bank-01", 4: T + 1200, 6: T + 2, 7: cti(3), -70000: body}
    bit = signed("qcs", "dc-bit", claims)

    made = []
    for index, unit in enumerate(units.leaves(cti(2), "XDC", owner, DENOMINATIONS)):
        body = {1: "XDC", 2: unit.value, 3: owner, 4: bit, 5: index, 6: unit.path}
        made.append(signed("iss:bank-01", "dc-unit", {1: "iss:bank-01", 6: T + 3, 7: unit.serial, -70000: body}))
    return Issue(request, credential, bit, made, root)
