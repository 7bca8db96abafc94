#!/usr/bin/env python3
"""specie-verify: check issued money, credentials, logs and supply on your own machine.

One file on purpose (ISSUANCE-16.4.1): to copy, to read, and to run with Python 3.11 and the package
`cryptography`, without a database and without the rest of specie. It trusts nothing but the keys of --root.
Spec: docs/spec/issuance.md. Bundles: docs/reference/bundle.md.

    specie-verify {unit|bit|credential|log|supply|bundle} FILE... --root HEX [--root HEX ...] [--keys FILE]

A FILE is a bundle (JSON Lines, one {"kind": ..., "hex": ...} a line) or one object, raw or in hex.
Exit 0: all that was asked for verifies. 9: something does not, and each failure is named. 2: wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

Node = TypeVar("Node")  # of a tree: a hash, or a sum and a hash

OK, FAILED = 0, 9
SHOWN_MAX = 20
BODY, ZERO16, ZERO32 = -70000, bytes(16), bytes(32)
SMALL_ORDER_Y = {0, 1, 2**255 - 20} | {
    int.from_bytes(bytes.fromhex(y), "little")
    for y in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
}
# kind in a bundle: typ, and the roles whose keys may sign it
KINDS = {
    "request": ("dc-req", "is:req"),
    "approval": ("dc-appr", "officer"),
    "credential": ("dc-cred", "cm:cred"),
    "bit": ("dc-bit", "qc:bit"),
    "unit": ("dc-unit", "is:unit"),
    "acct": ("dc-acct", "is:unit"),
    "deny": ("dc-deny", "cm:cred qc:bit"),
    "used": ("dc-used", "qc:bit"),
    "tomb": ("dc-tomb", "qc:bit"),
    "minted": ("dc-minted", "is:unit is:req"),
    "cancel": ("dc-cancel", "is:unit"),
    "redreq": ("dc-redreq", "bank:reg owner"),
    "redeem": ("dc-redeem", "qc:bit"),
    "reserve": ("dc-reserve", "custodian"),
    "revoke": ("dc-revoke", "officer cm:cred"),
    "pause": ("dc-pause", "officer"),
    "supply": ("dc-supply", "qc:bit"),
    "policy": ("dc-policy", "officer root"),
    "keys": ("dc-keys", "root"),
}
CLAIMS = "1s ?3s ?4u ?5u 6u 7i -70000m"
SCHEMAS = {
    "dc-req": "1c 2a 3f 4o ?5d 6p ?7i ?8s ?9u",
    "dc-appr": "1h 2f 3u ?4q",
    "dc-cred": "1b 2h 3s 4c 5a 6f 7u 8h 9B 10h ?11h",
    "dc-bit": "1i 2h 3c 4a 5f 6h 7h 8n 9u",
    "dc-unit": "1c 2a 3b 4b 5u 6H ?7u ?8m",
    "dc-acct": "1c 2a 3b 4b 5i",
    "dc-deny": "1h 2t ?3t ?4u ?5u",
    "dc-used": "1i 2h 3u",
    "dc-tomb": "1i 2h 3u",
    "dc-minted": "1i 2h ?3b",
    "dc-cancel": "1i 2h ?3b",
    "dc-redreq": "1c 2a ?3I ?4b 5t",
    "dc-redeem": "1h 2c 3a 4u",
    "dc-reserve": "1c 2u 3u",
    "dc-revoke": "1b ?2u 3t",
    "dc-pause": "1t 2f 3t ?4H",
    "dc-supply": "1u 2h 3S 4h",
    "dc-keys": "1t 2u 3h 4K ?5u",
}
ENTRY = "1i 2b 3t 4t 5u 6u 7u 8u ?9u ?10t ?11s"
LEAF = "1u 2u 3t 4h 5h 6i"


class Wrong(Exception):
    """Something does not verify: a code (the chapter's where it has one) and what was seen."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def need(holds: object, code: str, detail: str = "") -> None:
    if not holds:
        raise Wrong(code, detail)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# -- deterministic CBOR, the strict reading of ISSUANCE-3.3.5 --------------------------------------


def head(major: int, n: int) -> bytes:
    if n < 24:
        return bytes([major << 5 | n])
    size = next(s for s in (1, 2, 4, 8) if n < 1 << 8 * s)
    return bytes([major << 5 | 23 + size.bit_length()]) + n.to_bytes(size, "big")


def encode(value: object) -> bytes:
    match value:
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(encode, value))
        case dict():
            pairs = sorted(encode(k) + encode(v) for k, v in value.items())
            return head(5, len(pairs)) + b"".join(pairs)
    raise TypeError(type(value).__name__)


def decode(data: bytes, bytes_max: int = 16384, tag: int | None = None) -> Any:
    """One item, under this tag where one is named, and nothing after it."""
    need(len(data) <= bytes_max, "TOO_LARGE")
    at = 0

    def take(n: int) -> bytes:
        nonlocal at
        need(n <= len(data) - at, "MALFORMED", "ends too early")
        at += n
        return data[at - n : at]

    def text(n: int) -> str:
        with suppress(UnicodeDecodeError):
            found = take(n).decode()
            need(unicodedata.normalize("NFC", found) == found, "NON_CANONICAL", "text is not NFC")
            return found
        raise Wrong("MALFORMED", "text is not UTF-8")

    def item(depth: int, tag: int | None = None) -> object:
        need(depth <= 8, "MALFORMED", "nested too deep")
        first = take(1)[0]
        major, n = first >> 5, first & 31
        if tag is not None:
            need(major == 6, "MALFORMED", f"tag {tag} is missing")
        need(n != 31, "NON_CANONICAL", "indefinite length")
        need(n < 28 and (major < 7 or n in (20, 21)), "MALFORMED", "float or simple value")
        if n > 23:
            floor, n = (1 << 8 * (1 << n - 25)) if n > 24 else 24, int.from_bytes(take(1 << n - 24))
            need(n >= floor, "NON_CANONICAL", "a head is not the shortest")
        match major:
            case 0 | 1:
                return n if major == 0 else -1 - n
            case 2:
                return take(n)
            case 3:
                return text(n)
            case 4:
                need(n <= len(data) - at, "MALFORMED", "ends too early")
                return [item(depth + 1) for _ in range(n)]
            case 5:
                return pairs(n, depth)
            case 6:
                need(n == tag, "MALFORMED", f"tag {n}")
                return item(depth + 1)
        return n == 21

    def pairs(n: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        last = b""
        for _ in range(n):
            start = at
            key = item(depth + 1)
            need(isinstance(key, int | str | bytes), "MALFORMED", "a key is an integer or a string")
            need(last < data[start:at], "NON_CANONICAL", "keys are unsorted or repeated")
            last, found[key] = data[start:at], item(depth + 1)
        return found

    value = item(1, tag)
    need(at == len(data), "MALFORMED", "trailing bytes")
    return value


# -- annex A ---------------------------------------------------------------------------------------


def is_uint(v: object) -> bool:
    return type(v) is int and 0 <= v < 1 << 64


def is_sized(length: int, v: object) -> bool:
    return isinstance(v, bytes) and len(v) == length


def is_list(rule: Callable[[Any], bool], v: object, least: int = 0) -> bool:
    return isinstance(v, list) and len(v) >= least and all(map(rule, v))


def matches(pattern: str, v: object) -> bool:
    return isinstance(v, str) and re.fullmatch(pattern, v) is not None


def is_figures(v: object) -> bool:
    """Field 3 of dc-supply: {+ currency => [issued, redeemed, {+ issuer => [issued, redeemed]}]}."""
    if not isinstance(v, dict) or not v:
        return False
    for currency, row in v.items():
        if not RULES["c"](currency) or not is_list(lambda _: True, row) or len(row) != 3:
            return False
        pairs: list[Any] = [row[:2], *row[2].values()] if isinstance(row[2], dict) and row[2] else [None]
        if not all(is_list(is_uint, p) and len(p) == 2 for p in pairs) or not all(map(RULES["s"], row[2])):
            return False
    return True


RULES: dict[str, Callable[[Any], bool]] = {
    "a": lambda v: type(v) is int and 1 <= v < 1 << 62,
    "A": lambda v: type(v) is int and v in (-8, -7),
    "b": lambda v: isinstance(v, bytes),
    "B": partial(is_list, lambda v: isinstance(v, bytes)),
    "c": partial(matches, "[A-Z0-9]{3,12}"),
    "d": partial(is_list, lambda v: is_list(RULES["a"], v) and len(v) == 2 and v[1] <= 1000, least=1),
    "f": lambda v: type(v) is int and v in (0, 1),
    "h": partial(is_sized, 32),
    "H": partial(is_list, partial(is_sized, 32)),
    "i": partial(is_sized, 16),
    "I": partial(is_list, partial(is_sized, 16), least=1),
    "K": partial(is_list, lambda v: isinstance(v, dict), least=1),
    "m": lambda v: isinstance(v, dict),
    "n": lambda v: type(v) is int and 1 <= v <= 1000,
    "o": lambda v: isinstance(v, bytes) and 1 <= len(v) <= 129,
    "s": partial(matches, "[a-z0-9:._-]{1,64}"),
    "S": is_figures,
    "p": lambda v: isinstance(v, str) and len(v.encode()) <= 64,
    "q": lambda v: isinstance(v, str) and len(v.encode()) <= 256,
    "t": lambda v: isinstance(v, str),
    "u": is_uint,
}


def check_fields(value: Any, schema: str) -> dict[int, Any]:
    """The map, if it has the fields of the schema and no others."""
    need(isinstance(value, dict), "SCHEMA", "not a map")
    rules = {int(word.strip("?")[:-1]): (word[0] == "?", RULES[word[-1]]) for word in schema.split()}
    need(not set(value) - set(rules), "SCHEMA", "unknown field")
    for key, (optional, rule) in rules.items():
        need(rule(value[key]) if key in value else optional, "SCHEMA", f"field {key}")
    fields: dict[int, Any] = value
    return fields


# -- COSE ------------------------------------------------------------------------------------------


@dataclass
class Obj:
    """A decoded object. signatures: (alg, kid, to-be-signed bytes, signature); policy and keys have many."""

    kind: str
    claims: dict[int, Any]
    data: bytes
    signatures: tuple[tuple[int, bytes, bytes, bytes], ...]

    @property
    def body(self) -> dict[int, Any]:
        body: dict[int, Any] = self.claims[BODY]
        return body

    @cached_property
    def hashes(self) -> tuple[bytes, bytes]:
        """SHA-256 of what was signed, by which a log names what it fixes before signing; and of the bytes."""
        return sha256(self.signatures[0][2]), sha256(self.data)

    def __str__(self) -> str:
        return f"{self.kind} {self.claims[7].hex()}"


def parse(data: bytes, kind: str = "") -> Obj:
    """Decode an object of this kind, or of the kind that its typ names; judge no signature."""
    many = data[:2] == b"\xd8\x62"
    frame = decode(data, 262144 if many else 16384, 98 if many else 18)
    need(is_list(lambda _: True, frame) and len(frame) == 4, "MALFORMED", "not COSE")
    protected, unprotected, payload, last = frame
    need(is_list(RULES["b"], [protected, payload]) and unprotected == {}, "MALFORMED", "not COSE")
    header = decode(protected)
    typ: Any = header.get(16) if isinstance(header, dict) else None
    kind = kind or next((k for k, (t, _) in KINDS.items() if t == typ), "")
    need(kind in KINDS and KINDS[kind][0] == typ, "WRONG_TYPE", f"typ is {typ}")
    need(many == (kind in ("keys", "policy")), "WRONG_TYPE", "one signature or one for each person")
    aad, signatures = b"dc/1/" + typ.encode(), []
    rows = last if many else [[protected, {}, last]]
    need(is_list(lambda r: is_list(lambda _: True, r) and len(r) == 3, rows, 1), "MALFORMED", "signatures")
    for inner, outer, signature in rows:
        need(is_sized(64, signature) and RULES["b"](inner) and outer == {}, "MALFORMED", "signature")
        tags = check_fields(decode(inner), "1A 4i" if many else "1A 4i 16t")
        names = ["Signature", protected, inner] if many else ["Signature1", protected]
        signatures.append((tags[1], tags[4], encode([*names, aad, payload]), signature))
    need(set(header) == ({16} if many else {1, 4, 16}), "MALFORMED", "protected header")
    claims = check_fields(decode(payload, 262144 if many else 16384), CLAIMS)
    if typ in SCHEMAS:
        check_fields(claims[BODY], SCHEMAS[typ])
    return Obj(kind, claims, data, tuple(signatures))


def check_key(cose_key: bytes) -> None:
    """A public key that may stand in a manifest. Spec: ISSUANCE-3.4.1."""
    match decode(cose_key):
        case {1: 1, -1: 6, -2: bytes(x), **rest} if len(x) == 32 and not rest:
            y = int.from_bytes(x, "little") % (1 << 255)
            need(y < 2**255 - 19 and y not in SMALL_ORDER_Y, "KEY_WEAK", "small order or not canonical")
        case {1: 1, -1: 4, -2: bytes(x), **rest} if len(x) == 32 and not rest:
            pass
        case {1: 2, -1: 1, -2: bytes(x), -3: bytes(y), **rest} if len(x) == len(y) == 32 and not rest:
            pass
        case _:
            raise Wrong("SCHEMA", "COSE_Key")


def check_signature(cose_key: bytes, alg: int, message: bytes, signature: bytes) -> None:
    try:
        match decode(cose_key), alg:
            case {-1: 6, -2: x}, -8:
                Ed25519PublicKey.from_public_bytes(x).verify(signature, message)
            case {1: 2, -2: x, -3: y}, -7:
                numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
                pair = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
                numbers.public_key().verify(utils.encode_dss_signature(*pair), message, ec.ECDSA(SHA256()))
            case _:
                raise Wrong("ALG_NOT_ALLOWED")
    except (InvalidSignature, ValueError):
        raise Wrong("BAD_SIGNATURE") from None


# -- trees and notes -------------------------------------------------------------------------------


def join_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01", left, right)


def pack(node: tuple[int, bytes]) -> bytes:
    return node[0].to_bytes(16, "big") + node[1]


def join_sum(left: tuple[int, bytes], right: tuple[int, bytes]) -> tuple[int, bytes]:
    return left[0] + right[0], sha256(b"\x03", pack(left), pack(right))


class Tree(Generic[Node]):
    """Root of a growing RFC 9162 tree: one node for each full subtree, the largest first."""

    def __init__(self, join: Callable[[Node, Node], Node], empty: Node) -> None:
        self.join, self.empty, self.size = join, empty, 0
        self.nodes: list[Node] = []

    def push(self, node: Node) -> None:
        self.nodes.append(node)
        self.size += 1
        for _ in range((self.size & -self.size).bit_length() - 1):
            right = self.nodes.pop()
            self.nodes[-1] = self.join(self.nodes[-1], right)

    def root(self) -> Node:
        if not self.nodes:
            return self.empty
        *others, root = self.nodes
        for node in reversed(others):
            root = self.join(node, root)
        return root


def root_of_path(join: Callable[[Node, Node], Node], node: Node, index: int, size: int, path: list[Node]) -> Node:
    """The root that an inclusion path claims (RFC 9162 section 2.1.3.2)."""
    need(0 <= index < size, "PROOF_INVALID", "index outside the tree")
    fn, sn = index, size - 1
    for step in path:
        need(sn > 0, "PROOF_INVALID", "path too long")
        if fn & 1 or fn == sn:
            node = join(step, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = join(node, step)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "PROOF_INVALID", "path too short")
    return node


def check_consistency(m: int, n: int, old: bytes, new: bytes, path: list[bytes]) -> None:
    """RFC 9162 section 2.1.4.2."""
    need(0 < m < n and path, "PROOF_INVALID", "sizes or an empty path")
    first, *steps = path if m & (m - 1) else [old, *path]
    shift = (m & -m).bit_length() - 1
    fn, sn, second = (m - 1) >> shift, (n - 1) >> shift, first
    for step in steps:
        need(sn > 0, "PROOF_INVALID", "path too long")
        if fn & 1 or fn == sn:
            first, second = join_hash(step, first), join_hash(step, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = join_hash(second, step)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and first == old and second == new, "PROOF_INVALID", "not consistent")


def parse_note(raw: bytes) -> tuple[str, str, int, bytes, list[tuple[str, bytes]]]:
    """(text, origin, size, root, [(name, signature bytes)]) of a C2SP checkpoint."""
    with suppress(ValueError):
        text, gap, tail = raw.decode().rpartition("\n\n")
        origin, size, root = text.split("\n")[:3]
        lines = [line.split(" ") for line in tail.removesuffix("\n").split("\n")]
        digest = base64.b64decode(root, validate=True)
        if gap and tail.endswith("\n") and all(len(x) == 3 and x[0] == "\u2014" for x in lines):
            signatures = [(name, base64.b64decode(blob, validate=True)) for _, name, blob in lines]
            if size == str(int(size)) and int(size) >= 0 and len(digest) == 32:
                return text + "\n", origin, int(size), digest, signatures
    raise Wrong("CHECKPOINT_MALFORMED")


def is_note_signed(text: str, name: str, raw: bytes, cose_key: bytes, kind: int) -> bool:
    """False where the line is another key's; raises where it is this key's and does not verify."""
    public = decode(cose_key).get(-2, b"")
    if raw[:4] != sha256(name.encode(), b"\n", bytes([kind]), public)[:4]:
        return False
    stamp, message = 8 if kind == 4 else 0, text.encode()
    if kind == 4:
        message = f"cosignature/v1\ntime {int.from_bytes(raw[4:12])}\n".encode() + message
    check_signature(cose_key, -8, message, raw[4 + stamp :])
    return True


# -- what was handed in ------------------------------------------------------------------------------


def lists() -> defaultdict[Any, list[Any]]:
    return defaultdict(list)


@dataclass
class Book:
    """All records, what was found wrong, and what could not be looked at."""

    roots: dict[bytes, bytes]
    threshold: int
    at: int | None = None
    complete: bool = False
    environment: str = ""
    entries: dict[bytes, dict[str, dict[int, Any]]] = field(default_factory=lambda: defaultdict(dict))
    owners: dict[bytes, bytes] = field(default_factory=dict)
    objects: dict[str, list[Obj]] = field(default_factory=lists)
    index: dict[tuple[str, str, object], list[Obj]] = field(default_factory=lists)
    leaves: dict[str, list[tuple[bytes, dict[int, Any]]]] = field(default_factory=lists)
    leaf_index: dict[tuple[Any, ...], list[dict[int, Any]]] = field(default_factory=lists)
    marks: dict[str, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    others: dict[str, list[dict[str, Any]]] = field(default_factory=lists)
    good: dict[bytes, Obj] = field(default_factory=dict)
    verified: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def judging(self, what: object, counts: str = "") -> Iterator[None]:
        """Whatever is wrong inside is noted against this thing; nothing wrong counts as one verified."""
        try:
            yield
            if counts:
                self.verified[counts] += 1
        except Wrong as wrong:
            self.failures.append({"code": wrong.code, "what": str(what), "detail": wrong.detail})

    def add(self, obj: Obj) -> None:
        """Take an object in once, and the control bits and units that it carries."""
        if self.find(obj.kind, "bytes", obj.hashes[1]):
            return
        self.objects[obj.kind].append(obj)
        self.index[obj.kind, "cti", obj.claims[7]].append(obj)
        if isinstance(first := obj.body.get(1), bytes):
            self.index[obj.kind, "first", first].append(obj)
        self.index[obj.kind, "bytes", obj.hashes[1]].append(obj)
        self.index[obj.kind, "signed", obj.hashes[0]].append(obj)
        if obj.kind in ("unit", "acct") and len(obj.body[4]) != 32:
            self.add(parse(obj.body[4], "bit"))

    def find(self, kind: str, by: str, value: object) -> list[Obj]:
        """Objects by cti, by the first field of the body, or by one of their hashes (bytes, signed)."""
        return self.index.get((kind, by, value), [])

    def named(self, kind: str, hashed: bytes) -> list[Obj]:
        return self.find(kind, "signed", hashed) or self.find(kind, "bytes", hashed)

    def add_leaf(self, system: str, body: dict[int, Any]) -> None:
        self.leaf_index[system, "object", body[4]].append(body)
        self.leaf_index[system, "event", body[3], body[5]].append(body)
        self.leaf_index[system, "place", body[1]].append(body)

    def leaves_of(self, system: str, *hashes: bytes) -> list[dict[int, Any]]:
        """The known leaves (all of a log, or those with an inclusion proof) that name one of these hashes."""
        return [leaf for h in hashes for leaf in self.leaf_index.get((system, "object", h), [])]

    def leaves_after(self, system: str, event: str, previous: bytes) -> list[dict[int, Any]]:
        """The known leaves of this event whose previous step is this hash."""
        return self.leaf_index.get((system, "event", event, previous), [])


def load(book: Book, path: str, wanted: Callable[[str], bool]) -> None:
    """Read a file into the book; OSError is the caller's. wanted: which kinds to take."""
    raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    if raw.lstrip()[:1] != b"{":
        with book.judging(path):
            text = raw.strip()
            obj = parse(bytes.fromhex(text.decode()) if re.fullmatch(rb"[0-9a-fA-F\s]+", text) else raw)
            if wanted(obj.kind):
                book.add(obj)
        return
    for number, line in enumerate(raw.splitlines(), start=1):
        with book.judging(f"{path} line {number}"):
            try:
                record = json.loads(line)
                data, kind = bytes.fromhex(record.get("hex", "")), record["kind"]
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise Wrong("BUNDLE_MALFORMED", "not a record") from None
            need(isinstance(kind, str), "BUNDLE_MALFORMED", "kind")
            if wanted(kind):
                add_record(book, kind, data, record)


def add_record(book: Book, kind: str, data: bytes, record: dict[str, Any]) -> None:
    if kind in KINDS:
        book.add(parse(data, kind))
    elif kind == "leaf":
        system = record.get("system", "")
        need(RULES["s"](system), "BUNDLE_MALFORMED", "system")
        book.leaves[system].append((data, check_fields(decode(data), LEAF)))
        book.add_leaf(system, book.leaves[system][-1][1])
        if "chain" in record:
            book.others["chain"].append({"after": len(book.leaves[system]), **record})
    elif kind == "owner_key":
        check_key(data)
        book.owners[sha256(data)[:16]] = data
    elif kind == "root":
        pinned = any(decode(key)[-2] == data for key in book.roots.values())
        need(pinned, "ROOT_NOT_PINNED", "the bundle names a root key that --root does not")
    else:
        known = kind in ("checkpoint", "inclusion", "consistency", "sum_proof")
        need(known, "BUNDLE_MALFORMED", f"no such kind: {kind}")
        book.others[kind].append({**record, "data": data})


# -- keys --------------------------------------------------------------------------------------------


def check_manifests(book: Book) -> None:
    """The chain of dc-keys from version 1, each signed by enough pinned root keys. Spec: ISSUANCE-2.1.

    The threshold is pinned with the root keys. A manifest may raise it for itself and for the next one, and
    never lowers it below what is pinned: one stolen root key must not name its own threshold.
    """
    last, threshold = ZERO32, book.threshold
    for version, manifest in enumerate(book.objects["keys"], start=1):
        with book.judging(f"keys version {version}", "keys"):
            body = manifest.body
            need(body[2] == version and body[3] == last, "MANIFEST_CHAIN", "version or previous hash")
            need(book.environment in ("", body[1]), "MANIFEST_ENVIRONMENT", body[1])
            asked, threshold = max(threshold, body.get(5, 1)), max(book.threshold, body.get(5, 1))
            signed = set()
            for alg, kid, message, signature in manifest.signatures:
                if kid in book.roots:
                    check_signature(book.roots[kid], alg, message, signature)
                    signed.add(kid)
            need(len(signed) >= asked, "MANIFEST_THRESHOLD", f"{len(signed)} of {asked} root signatures")
            entries = [check_fields(raw, ENTRY) for raw in body[4]]
            for entry in entries:
                check_key(entry[2])
                need(entry[1] == sha256(entry[2])[:16], "KEY_ID", entry[1].hex())
            for entry in entries:
                book.entries[entry[1]][entry[3]] = entry
            last, book.environment = sha256(manifest.data), body[1]
            continue
        return  # what follows a broken link proves nothing
    if not book.objects["keys"]:
        book.failures.append({"code": "NO_KEYS", "what": "keys", "detail": "no manifest was handed in"})


def key_for(book: Book, obj: Obj, kid: bytes) -> bytes:
    """The COSE_Key that may have signed this object when it says it was made, or Wrong."""
    roles = KINDS[obj.kind][1].split()
    if "owner" in roles and kid in book.owners:
        return book.owners[kid]
    if "root" in roles and kid in book.roots:
        return book.roots[kid]
    need(kid in book.entries, "UNKNOWN_KEY", kid.hex())
    entry = next((e for role, e in book.entries[kid].items() if role in roles), None)
    if entry is None:
        raise Wrong("KEY_ROLE", f"{kid.hex()} is {', '.join(book.entries[kid])}")
    need(entry[5] <= obj.claims[6] < entry[6], "KEY_NOT_ACTIVE", f"at {obj.claims[6]}")
    need(book.at is None or book.at <= entry[7], "KEY_NOT_ACTIVE", "verify_until has passed")
    need(obj.kind == "policy" or obj.claims[1] == entry[4], "ISSUER_MISMATCH", f"the key is {entry[4]}'s")
    if entry[8] == 3:  # ISSUANCE-12.2: only what was logged before counts, whatever the object says
        found = book.leaves_of(entry[4], *obj.hashes)
        need(any(leaf[1] < entry.get(9, 0) for leaf in found), "KEY_REVOKED", kid.hex())
    key: bytes = entry[2]
    return key


def check_object(book: Book, obj: Obj) -> None:
    """Signatures under keys of the right role, in force at iat."""
    persons = set()
    for alg, kid, message, signature in obj.signatures:
        key = key_for(book, obj, kid)
        need(alg == -8 or KINDS[obj.kind][1].startswith("officer"), "ALG_NOT_ALLOWED")
        check_signature(key, alg, message, signature)
        persons.add(book.entries[kid]["officer"][4] if "officer" in book.entries.get(kid, {}) else kid)
    need(len(persons) == len(obj.signatures), "APPROVAL_DUPLICATE", "one person signed twice")


# -- one issue ---------------------------------------------------------------------------------------


def unit_values(request: Obj) -> list[int]:
    """Values of the units in order. Raises before a bomb of denominations is unpacked."""
    rows = request.body.get(5, [[request.body[2], 1]])
    need((5 in request.body) == (request.body[3] == 0), "SCHEMA", "denominations and model")
    need(sum(count for _, count in rows) <= 1000, "TOO_MANY_UNITS")
    need(sum(value * count for value, count in rows) == request.body[2], "DENOMINATION_SUM")
    return [value for value, count in rows for _ in range(count)]


def unit_serial(cti: bytes, index: int) -> bytes:
    return sha256(b"dc/1/serial", cti, index.to_bytes(4, "big"))[:16]


def unit_leaf(cti: bytes, currency: str, value: int, owner: bytes, index: int) -> bytes:
    return sha256(b"\x00", encode([unit_serial(cti, index), currency, value, owner, index]))


def check_request(book: Book, request: Obj) -> None:
    check_object(book, request)
    need(3 in request.claims and 4 in request.claims, "SCHEMA", "aud and exp")
    need(0 < request.claims[4] - request.claims[6] <= 900, "LIFETIME_TOO_LONG")
    unit_values(request)


def check_approvals(book: Book, cred: Obj, operator: str | None) -> None:
    """Each approval in a credential is an officer's, of this request, by another person. Spec: 4.2, 11."""
    persons = set()
    for data in cred.body[9]:
        approval = parse(data, "approval")
        check_object(book, approval)
        given = approval.body[1] == cred.body[2] and approval.body[2] == 1
        need(given, "APPROVALS_INSUFFICIENT", "a rejection, or of another request")
        need(approval.claims.get(4, 0) > cred.claims[6], "APPROVAL_EXPIRED")
        need(approval.claims[1] not in persons, "APPROVAL_DUPLICATE", approval.claims[1])
        need(approval.claims[1] != operator, "APPROVER_CONFLICT", "the operator approved")
        persons.add(approval.claims[1])


def check_credential(book: Book, cred: Obj) -> Obj:
    """The credential, the request in it and its approvals; returns the request. Spec: 4.3, 6.5."""
    if cred.hashes[1] in book.good:
        return book.good[cred.hashes[1]]
    check_object(book, cred)
    claims, body = cred.claims, cred.body
    request = parse(body[1], "request")
    check_request(book, request)
    asked = request.body
    same = sha256(body[1]), request.claims[1], asked[1], asked[2], asked[3], request.claims[3]
    given = body[2], body[3], body[4], body[5], body[6], claims[1]
    need(same == given, "CREDENTIAL_REQUEST_MISMATCH", "hash, issuer, currency, amount, model or audience")
    need(3 in claims and claims.get(5) == claims[6], "SCHEMA", "aud and nbf")
    need(0 < claims.get(4, 0) - claims[6] <= 86400, "LIFETIME_TOO_LONG")
    tree = Tree(join_hash, sha256())
    for i, value in enumerate(unit_values(request)):
        tree.push(unit_leaf(claims[7], asked[1], value, asked[4], i))
    need(tree.root() == body[10], "CREDENTIAL_REQUEST_MISMATCH", "unit root")
    check_approvals(book, cred, asked.get(8))
    policies = book.objects["policy"]
    need(not policies or book.find("policy", "bytes", body[8]), "POLICY_STALE", "its policy is not here")
    book.good[cred.hashes[1]] = request
    return request


def check_bit(book: Book, bit: Obj) -> None:
    """The bit, its place in the log, and its credential where that is here. Spec: 4.5."""
    if bit.hashes[1] in book.good:
        return
    check_object(book, bit)
    need(3 in bit.claims and 4 in bit.claims, "SCHEMA", "aud and exp")
    need(0 < bit.claims[4] - bit.claims[6] <= 1200, "LIFETIME_TOO_LONG")
    for cred in book.find("credential", "cti", bit.body[1]):
        request = check_credential(book, cred)
        b, c = bit.body, cred.body
        need(cred.hashes[1] == b[2], "BIT_MISMATCH", "hash of the credential")
        same = (
            c[4],
            c[5],
            c[6],
            sha256(request.body[4]),
            c[10],
            len(unit_values(request)),
            c[3],
            cred.claims[3],
        )
        need(same == (*(b[i] for i in range(3, 9)), bit.claims[3], bit.claims[1]), "BIT_MISMATCH")
    check_logged(book, bit)
    book.good[bit.hashes[1]] = bit


def check_output(book: Book, obj: Obj) -> None:
    """A unit or an account order, and the bit it stands on. Spec: 4.6 to 4.8."""
    check_object(book, obj)
    body, account = obj.body, obj.kind == "acct"
    hashed = body[4] if len(body[4]) == 32 else sha256(body[4])
    found = book.find("bit", "bytes", hashed)
    need(found, "BIT_MISMATCH", "the control bit was not handed in")
    bit = found[0]
    check_bit(book, bit)
    cti, index = bit.body[1], 0 if account else body[5]
    need(bit.body[5] == int(account), "UNIT_INVALID", "model")
    need(bit.claims[3] == obj.claims[1] and bit.body[3] == body[1], "UNIT_INVALID", "issuer or currency")
    need(sha256(body[3]) == bit.body[6], "UNIT_INVALID", "owner")
    need(index < bit.body[8], "UNIT_INVALID", "index")
    if account:
        need((body[5], body[2], 1) == (cti, bit.body[4], bit.body[8]), "UNIT_INVALID", "posting id or amount")
    else:
        need(obj.claims[7] == unit_serial(cti, index), "UNIT_INVALID", "serial")
    leaf = unit_leaf(cti, body[1], body[2], body[3], index)
    root = root_of_path(join_hash, leaf, index, bit.body[8], [] if account else body[6])
    need(root == bit.body[7], "UNIT_INVALID", "the path does not lead to the bit's root")


def units_of(book: Book, ask: Obj) -> list[Obj]:
    """The units that a redemption names by their serials."""
    found = [book.find("unit", "cti", serial) for serial in ask.body.get(3, [])]
    need(all(found), "UNKNOWN_SERIAL", f"a unit of {ask} was not handed in")
    return [units[0] for units in found]


def check_rest(book: Book, obj: Obj) -> None:
    """Kinds that stand beside an issue: signature, and what they say of a bit that is here."""
    check_object(book, obj)
    if obj.kind in ("minted", "cancel"):
        for bit in book.find("bit", "cti", obj.body[1]):
            need(obj.body[2] == bit.body[7] and obj.claims[1] == bit.claims.get(3), "BIT_MISMATCH")
    if obj.kind == "used":
        for bit in book.find("bit", "first", obj.body[1]):
            need(obj.body[2] == bit.body[2], "BIT_MISMATCH", "another credential")
    if obj.kind in ("tomb", "redeem"):
        check_logged(book, obj)
    if obj.kind == "redreq":
        units = units_of(book, obj)
        for unit in units:
            check_output(book, unit)
            need(unit.body[3] == obj.signatures[0][1], "NOT_OWNER", str(unit))
        need(len({unit.claims[7] for unit in units}) == len(units), "SCHEMA", "a unit twice")
        total = sum(unit.body[2] for unit in units)
        need(not units or total == obj.body[2], "UNIT_INVALID", "the units are not the amount")
    if obj.kind == "supply":
        for currency, (issued, redeemed, issuers) in obj.body[3].items():
            sums = [sum(pair[i] for pair in issuers.values()) for i in (0, 1)]
            need(sums == [issued, redeemed], "SUPPLY_SUM", f"{currency}: issuers do not add up")
            need(all(r <= i for i, r in issuers.values()), "SUPPLY_SUM", f"{currency}: more back than issued")


CHECKS = {"request": check_request, "credential": check_credential, "bit": check_bit}
CHECKS |= {"unit": check_output, "acct": check_output}


# -- logs --------------------------------------------------------------------------------------------


def check_checkpoint(book: Book, raw: bytes) -> None:
    """Signed by the log's own key; then its root is a mark that leaves and proofs must meet."""
    text, origin, size, root, lines = parse_note(raw)
    prefix, system = f"specie/{book.environment}/", origin.rpartition("/")[2]
    need(origin == prefix + system, "CHECKPOINT_ORIGIN", origin)
    signed = 0
    for name, blob in lines:
        for entry in (e for roles in book.entries.values() for e in roles.values()):
            if entry[3] == "witness" and is_note_signed(text, name, blob, entry[2], 4):
                book.verified["cosignature"] += 1
            if entry[3] == "log" and entry[4] == system and name == origin:
                revoked = entry[8] == 3 and size >= entry.get(9, 0)
                signed += is_note_signed(text, name, blob, entry[2], 1) and not revoked
    need(signed, "CHECKPOINT_UNSIGNED", f"no signature of a log key of {system}")
    need(book.marks[system].setdefault(size, root) == root, "LOG_FORK", f"{system}: two roots of size {size}")


def check_log(book: Book, system: str) -> dict[int, bytes]:
    """Leaves in order, chain, root at each checkpoint; returns the root at each size. Spec: ISSUANCE-15.1."""
    tree, chain, roots, before = Tree(join_hash, sha256()), ZERO32, {0: sha256()}, 0
    with book.judging(f"log of {system}", "log"):
        given = {r["after"]: r["chain"] for r in book.others["chain"] if r["system"] == system}
        for number, (data, body) in enumerate(book.leaves[system], start=1):
            need(body[1] == number, "LOG_CHAIN", f"leaf {number} says it is {body[1]}")
            need(body[2] >= before, "LOG_CHAIN", f"leaf {number} is older than the one before")
            before, leaf = body[2], sha256(b"\x00", data)
            chain = sha256(b"\x02", chain, leaf)
            need(given.get(number, chain.hex()) == chain.hex(), "LOG_CHAIN", f"chain at leaf {number}")
            tree.push(leaf)
            roots[number] = tree.root()
        for size, root in book.marks[system].items():
            need(size <= tree.size, "LOG_TRUNCATED", f"{tree.size} leaves, checkpoint of {size}")
            need(roots[size] == root, "LOG_ROOT", f"root at size {size}")
        newest = max(book.marks[system], default=None)
        need(newest == tree.size, "LOG_UNCHECKED", f"{tree.size} leaves, newest checkpoint: {newest}")
        book.notes.append(f"log of {system}: {tree.size} leaves, chain {chain.hex()}")
    return roots


def proof_fields(record: dict[str, Any], *numbers: str) -> tuple[Any, ...]:
    try:
        found = [record[name] for name in numbers]
        need(all(map(is_uint, found)) and RULES["s"](record["system"]), "BUNDLE_MALFORMED", "proof")
        return record["system"], *found, [bytes.fromhex(step) for step in record["path"]]
    except (KeyError, TypeError, ValueError):
        raise Wrong("BUNDLE_MALFORMED", "proof") from None


def check_log_proofs(book: Book) -> None:
    """Inclusion and consistency proofs, against the checkpoints."""
    for record in book.others["inclusion"]:
        with book.judging("inclusion", "inclusion"):
            system, size, index, path = proof_fields(record, "size", "index")
            root = root_of_path(join_hash, sha256(b"\x00", record["data"]), index, size, path)
            need(
                book.marks[system].get(size) == root,
                "PROOF_INVALID",
                f"no checkpoint of {size} has this root",
            )
            body = check_fields(decode(record["data"]), LEAF)
            need(body[1] == index + 1, "PROOF_INVALID", "the leaf names another place")
            if not book.leaf_index.get((system, "place", body[1])):
                book.add_leaf(system, body)
    for record in book.others["consistency"]:
        with book.judging("consistency", "consistency"):
            system, old, new, path = proof_fields(record, "from", "to")
            before, after = book.marks[system].get(old), book.marks[system].get(new)
            if before is None or after is None:
                raise Wrong("PROOF_INVALID", "a checkpoint is missing")
            check_consistency(old, new, before, after, path)


EVENTS = {"bit": ("use", 9), "tomb": ("tombstone", 3), "redeem": ("redeem", 4)}


def check_logged(book: Book, obj: Obj) -> None:
    """The hash of a bit, tombstone or receipt stands in exactly one leaf, at the place it names. Spec: I8.

    Asked of a whole bundle, and wherever the log of the signer was handed in.
    """
    system, (event, place) = obj.claims[1], EVENTS[obj.kind]
    if not book.complete and not book.leaves.get(system):
        return
    found = book.leaves_of(system, obj.hashes[0])
    if obj.kind == "tomb" and found and found[0][3] == "revoke":
        event = "revoke"  # ISSUANCE-12.3.1: an officer closed it; the leaf names the dc-revoke as the step before
    need(len(found) == 1, "NOT_LOGGED", f"in {len(found)} leaves of {system}")
    leaf = origin = found[0]
    while origin[3] == "refixed":  # ISSUANCE-12.1.5: fixed anew under another key; the first leaf keeps the place
        earlier = [x for x in book.leaves_of(system, origin[5]) if x[1] < origin[1]]
        need(len(earlier) == 1, "NOT_LOGGED", "the leaf that it replaces is missing")
        origin = earlier[0]
    need(origin[3] == event, "NOT_LOGGED", f"event {origin[3]}")
    need(obj.body[place] in (leaf[1], origin[1]), "NOT_LOGGED", f"leaf {leaf[1]}, named as {obj.body[place]}")
    for cred in book.find("credential", "cti", obj.body[1]) if obj.kind == "bit" else ():
        need(origin[5] in cred.hashes, "NOT_LOGGED", "the leaf names another credential")
        need(cred.claims[5] - 30 <= origin[2] < cred.claims[4], "CREDENTIAL_EXPIRED", "when it was used")


def check_links(book: Book) -> None:
    """One outcome for a credential, a request, a bit, a redeemed reference; a logged credential for a bit.

    Spec: ISSUANCE-5.4.3, 6.5.20, 13.2.9, 14.15, 20.9.
    """
    seen: dict[tuple[str, str, bytes], set[tuple[bytes, bytes]]] = defaultdict(set)
    for obj in (o for kind in ("bit", "tomb") for o in book.objects[kind]):
        seen["CREDENTIAL_CONFLICT", "credential", obj.body[1]].add(obj.hashes)
    for cred in book.objects["credential"]:
        if book.find("bit", "first", cred.claims[7]):
            seen["CREDENTIAL_CONFLICT", "request", cred.body[2]].add(cred.hashes)
    for obj in (o for kind in ("minted", "cancel") for o in book.objects[kind]):
        seen["MINT_CONFLICT", "unit root", obj.body[2]].add(obj.hashes)
    systems = {receipt.claims[1] for receipt in book.objects["redeem"]}
    for ask in book.objects["redreq"]:
        if any(book.leaves_after(system, "redeem", h) for system in systems for h in ask.hashes):
            for ref in ask.body.get(3) or [ask.body.get(4, b"")]:
                seen["ALREADY_REDEEMED", "reference", ref].add(ask.hashes)
    for (code, name, key), objects in seen.items():
        with book.judging(f"{name} {key.hex()}"):
            need(len(objects) == 1, code, f"{len(objects)} outcomes")
    managers = {e[4] for roles in book.entries.values() for role, e in roles.items() if role == "cm:cred"}
    if any(book.leaves.get(manager) for manager in managers):
        for bit in book.objects["bit"]:
            with book.judging(bit):
                creds = book.find("credential", "cti", bit.body[1])
                logged = creds and book.leaves_of(creds[0].claims[1], *creds[0].hashes)
                need(logged, "NOT_LOGGED", "no credential of it in the log of central management")


# -- supply ------------------------------------------------------------------------------------------


def leaf_value(book: Book, system: str, leaf: dict[int, Any]) -> tuple[str, str, int] | None:
    """(currency, issuer, amount) that a leaf counts, or None for an event that counts nothing."""
    if leaf[3] not in ("use", "redeem", "cancel"):
        return None
    kind, name, place = {"use": "bit"}.get(leaf[3], leaf[3]), leaf[4], leaf[1]
    while again := [x for x in book.leaves_after(system, "refixed", name) if x[1] > place]:
        name, place = again[0][4], again[0][1]
    found = book.named(kind, name)
    need(found, "SUPPLY_INCOMPLETE", f"the {kind} of leaf {leaf[1]} is not here")
    obj = found[0]
    need(kind == "cancel" or obj.claims[1] == system, "SUPPLY_SUM", f"leaf {leaf[1]}: of another system")
    if kind == "redeem":
        asked = book.named("redreq", leaf[5])
        issuer = (asked or found)[0].claims.get(3, "")
        same = not asked or (asked[0].body[1], asked[0].body[2]) == (obj.body[2], obj.body[3])
        need(issuer and same, "SUPPLY_SUM", f"leaf {leaf[1]}: whose redemption, or another amount than asked")
        return obj.body[2], issuer, obj.body[3]
    if kind == "cancel":
        bits = book.find("bit", "cti", obj.body[1])
        need(bits, "SUPPLY_INCOMPLETE", f"the bit that leaf {leaf[1]} cancels is not here")
        obj = bits[0]
    return obj.body[3], obj.claims.get(3, ""), obj.body[4]


def plain(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures without rows of nothing, so that a zero row and no row are the same."""
    rows = {c: (i, r, {s: tuple(p) for s, p in x.items() if any(p)}) for c, (i, r, x) in figures.items()}
    return {c: row for c, row in rows.items() if any(row)}


def check_supply(book: Book, system: str, roots: dict[int, bytes]) -> None:
    """Every statement of a system against sums and roots computed anew from its log. Spec: ISSUANCE-15.4."""
    waiting = lists()
    for statement in (s for s in book.objects["supply"] if s.claims[1] == system):
        waiting[statement.body[1]].append(statement)
    sums: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    trees = Tree(join_sum, (0, sha256())), Tree(join_sum, (0, sha256()))
    for leaf in [{1: 0, 3: ""}, *(leaf for _, leaf in book.leaves[system])]:
        with book.judging(f"supply of {system}"):
            if value := leaf_value(book, system, leaf):
                (currency, issuer, amount), side = value, int(leaf[3] != "use")
                sums[currency][issuer][side] += amount
                trees[side].push((amount, sha256(b"\x00", leaf[4])))
                issued, back = sums[currency][issuer]
                need(back <= issued, "SUPPLY_SUM", f"leaf {leaf[1]}: more back than {issuer} issued")
        for statement in waiting.pop(leaf[1], []):
            with book.judging(statement, "recomputed supply"):
                need(roots.get(leaf[1]) == statement.body[2], "SUPPLY_ROOT", "root of the log")
                rows = {c: [*(sum(p[i] for p in s.values()) for i in (0, 1)), s] for c, s in sums.items()}
                need(plain(statement.body[3]) == plain(rows), "SUPPLY_SUM", "figures are not those of the log")
                root = sha256(b"\x04", *(pack(tree.root()) for tree in trees))
                need(root == statement.body[4], "SUPPLY_ROOT", "root of the sums")
    for statement in (s for late in waiting.values() for s in late):
        with book.judging(statement):
            raise Wrong("LOG_TRUNCATED", f"speaks of {statement.body[1]} leaves")


def sum_proof_fields(record: dict[str, Any]) -> tuple[Any, ...]:
    try:
        system, size, index, count = (record[k] for k in ("system", "size", "index", "count"))
        path = [(int(total), bytes.fromhex(h)) for total, h in record["path"]]
        other, amount = (int(record["other"][0]), bytes.fromhex(record["other"][1])), int(record["amount"])
        side = ("bits", "redemptions").index(record["tree"])
    except (KeyError, TypeError, ValueError, IndexError):
        raise Wrong("BUNDLE_MALFORMED", "sum_proof") from None
    nodes = [other, *path, (amount, ZERO32)]
    need(all(0 <= n < 1 << 120 and len(h) == 32 for n, h in nodes), "BUNDLE_MALFORMED", "sum_proof")
    need(all(map(is_uint, (size, index, count))) and len(path) <= 64, "BUNDLE_MALFORMED", "sum_proof")
    return system, size, index, count, amount, side, path, other


def check_sum_proof(book: Book, record: dict[str, Any]) -> None:
    """A holder's proof that his bit or redemption is counted in a statement. Spec: ISSUANCE-15.4.2."""
    system, size, index, count, amount, side, path, other = sum_proof_fields(record)
    leaf = check_fields(decode(record["data"]), LEAF)
    root = root_of_path(join_sum, (amount, sha256(b"\x00", leaf[4])), index, count, path)
    both = (root, other) if side == 0 else (other, root)
    stated = [s for s in book.objects["supply"] if s.claims[1] == system and s.body[1] == size]
    stated = [s for s in stated if s.body[4] == sha256(b"\x04", *map(pack, both))]
    need(stated, "SUPPLY_ROOT", f"no statement of {system} over {size} leaves has this root")
    for i in (0, 1):
        need(sum(row[i] for row in stated[0].body[3].values()) == both[i][0], "SUPPLY_SUM", "totals")
    value = leaf_value(book, system, leaf)
    need(
        value and value[2] == amount and side == (leaf[3] != "use"),
        "PROOF_INVALID",
        "the object says otherwise",
    )


# -- program -----------------------------------------------------------------------------------------

COMMANDS = {
    "unit": ["unit"],
    "bit": ["bit"],
    "credential": ["credential"],
    "log": [],
    "supply": ["bit", "cancel", "redreq", "redeem", "supply"],
    "bundle": [kind for kind in KINDS if kind != "keys"],
}


def run(book: Book, command: str) -> None:
    """Everything that a command asks for, in order; what is wrong gathers in the book."""
    book.complete = command == "bundle"
    check_manifests(book)
    for record in book.others["checkpoint"]:
        with book.judging("checkpoint", "checkpoint"):
            check_checkpoint(book, record["data"])
    roots = {system: check_log(book, system) for system in sorted(book.leaves)}
    check_log_proofs(book)
    for kind in COMMANDS[command]:
        for obj in book.objects[kind]:
            with book.judging(obj, kind):
                CHECKS.get(kind, check_rest)(book, obj)
    if book.complete:
        check_links(book)
        if book.verified["policy"]:
            book.notes.append("policy: its signatures verify; whether they are enough is not judged here")
    if command in ("supply", "bundle"):
        for record in book.others["sum_proof"]:
            with book.judging("sum_proof", "sum_proof"):
                check_sum_proof(book, record)
        for system in sorted({statement.claims[1] for statement in book.objects["supply"]}):
            if system in roots:
                check_supply(book, system, roots[system])
            else:
                book.notes.append(f"supply of {system}: not recomputed, its log was not handed in")
    wanted = {"log": ["log", "inclusion", "consistency"], "bundle": set(book.verified) - {"keys"}}
    if not book.failures and not any(book.verified[kind] for kind in wanted.get(command, [command])):
        book.failures.append({"code": "NOTHING", "what": command, "detail": "nothing of the kind was handed in"})


def report(book: Book, as_json: bool) -> int:
    status = FAILED if book.failures else OK
    counts = dict(sorted(book.verified.items()))
    if as_json:
        answer = {"ok": status == OK, "verified": counts, "failures": book.failures, "notes": book.notes}
        print(json.dumps(answer, indent=1))
        return status
    shown: Counter[str] = Counter()
    for failure in book.failures:
        shown[failure["code"]] += 1
        if shown[failure["code"]] <= SHOWN_MAX:
            print(f"FAILED {failure['code']}: {failure['what']}: {failure['detail']}")
    for code in (code for code, count in shown.items() if count > SHOWN_MAX):
        print(f"FAILED {code}: {shown[code] - SHOWN_MAX} more; --json shows them all")
    for note in book.notes:
        print(f"note: {note}")
    told = ", ".join(f"{n} {kind}" for kind, n in counts.items()) or "nothing"
    print(f"{'ok' if status == OK else 'NOT OK'}: verified {told}")
    return status


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("specie-verify", description="Check issued money on your own machine.")
    parser.add_argument("command", choices=list(COMMANDS))
    parser.add_argument("files", metavar="FILE", nargs="+", help="bundle or object; - is standard input")
    parser.add_argument("--root", metavar="HEX", action="append", required=True, help="pinned root key, 32 bytes")
    parser.add_argument("--keys", metavar="FILE", help="manifest chain; without it, that of the bundle")
    parser.add_argument("--threshold", type=int, help="root signatures needed; default: more than half of --root")
    parser.add_argument("--at", metavar="SECONDS", type=int, help="also hold keys to verify_until at this time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        keys = [encode({1: 1, -1: 6, -2: bytes.fromhex(text)}) for text in options.root]
        for key in keys:
            check_key(key)
        roots = {sha256(key)[:16]: key for key in keys}
        threshold = len(roots) // 2 + 1 if options.threshold is None else options.threshold
        need(
            1 <= threshold <= len(roots),
            "USAGE",
            "--threshold must lie between 1 and the number of root keys",
        )
        book = Book(roots, threshold, options.at)
        if options.keys:
            load(book, options.keys, lambda kind: kind == "keys")
        for path in options.files:
            load(book, path, lambda kind: not (options.keys and kind == "keys"))
    except (OSError, ValueError, Wrong) as error:
        parser.error(str(error))
    run(book, options.command)
    return report(book, options.json)


if __name__ == "__main__":
    sys.exit(main())
