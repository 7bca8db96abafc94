"""What a key may sign: every payload is parsed as its kind before it is signed.

A key's list of kinds names
    dc-bit                  objects of that `typ` (COSE_Sign1, and this key's part of a COSE_Sign)
    note:ORIGIN             checkpoints of that log
    cosign:ORIGIN           a witness's cosignature on checkpoints of that log
    op:16                   operations of that type on the ledger (frame bytes before the signature)
    block                   blocks of the embedded ledger (chain id 32, height u64, app hash 32)
    raw                     any 32 bytes, unseen
"""

import re
from collections.abc import Sequence
from hashlib import sha512

from specie.crypto import cose, note
from specie.crypto.errors import NoteMalformed
from specie.kms.errors import PolicyDenied, WrongUse
from specie.kms.messages import PayloadKind

RAW_BYTES = 32

_ALGORITHMS = {"ed25519": cose.EDDSA, "es256": cose.ES256}
_TYP = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_OPERATION = re.compile(r"op:(?:0|[1-9][0-9]{0,2})")
_FRAME_HEAD = b"PLP1\x01\x00"
_FRAME_HEAD_BYTES = 52
"""Magic 4, version 2, type 1, flags 1, chain id 32, expiry height 8, length of the body 4."""
_BLOCK_BYTES = 72
_COSIGNATURE = re.compile(r"cosignature/v1\ntime (?:0|[1-9][0-9]{0,18})\n")


def check_kinds(kinds: Sequence[str]) -> None:
    """Refuse a list of kinds that does not parse. Raises ValueError."""
    for kind in kinds:
        name = kind.removeprefix("note:").removeprefix("cosign:")
        if (
            kind not in ("raw", "block")
            and not _OPERATION.fullmatch(kind)
            and (not name or (name == kind and not _TYP.fullmatch(kind)))
        ):
            raise ValueError(f"{kind!r} is not a kind of payload")


class Policy:
    """The kinds of one signing key, prepared so that a payload is judged by comparing bytes."""

    def __init__(self, name: str, algorithm: str, public: bytes, allowed: Sequence[str]) -> None:
        self._name = name
        self._allowed = frozenset(allowed)
        self._is_ed25519 = algorithm == "ed25519"
        self._prefixes: list[bytes] = []
        if algorithm in _ALGORITHMS:
            alg, kid = _ALGORITHMS[algorithm], cose.key_id(public, algorithm)
            for typ in sorted(kind for kind in allowed if kind not in ("raw", "block") and ":" not in kind):
                self._prefixes.append(cose.to_be_signed_prefix(typ, kid, alg))
                self._prefixes.append(cose.to_be_signed_by_many_prefix(typ, kid, alg))

    # SPEC KMS-6.11
    def check(self, items: Sequence[tuple[PayloadKind, bytes, bytes]]) -> None:
        """Refuse the first payload that does not parse as its kind, or whose kind this key does not sign.

        Raises PolicyDenied; WrongUse for a note under a key that is not Ed25519.
        """
        objects = [index for index, (kind, _, _) in enumerate(items) if kind == "cose"]
        found = cose.match_to_be_signed_many([items[index][1] for index in objects], self._prefixes)
        for index, place in zip(objects, found, strict=True):
            if place < 0:
                raise PolicyDenied(
                    f"not a Sig_structure of a type that {self._name} signs under its own key id", index=index
                )
        if len(objects) < len(items):
            for index, (kind, payload, _) in enumerate(items):
                if kind != "cose":
                    self._check_other(kind, payload, index)

    def _check_other(self, kind: PayloadKind, payload: bytes, index: int) -> None:
        if kind == "note":
            self._check_note(payload, index)
        elif kind == "raw":
            if "raw" not in self._allowed or len(payload) != RAW_BYTES:
                raise PolicyDenied(f"{self._name} does not sign this raw payload", index=index)
        elif kind == "ledger-op":
            self._check_operation(payload, index)
        elif kind == "block":
            if "block" not in self._allowed or len(payload) != _BLOCK_BYTES:
                raise PolicyDenied(f"{self._name} does not sign blocks", index=index)
        else:
            raise PolicyDenied(f"a key file does not sign payloads of kind {kind}", index=index)

    def _check_operation(self, payload: bytes, index: int) -> None:
        """The head of a frame of LEDGER 9.5, up to this signature; the rest of the body is the signer's own affair."""
        if not self._is_ed25519:
            raise WrongUse("operations of the ledger are signed with Ed25519", index=index)
        if len(payload) < _FRAME_HEAD_BYTES or payload[:6] != _FRAME_HEAD or payload[7] != 0:
            raise PolicyDenied("the payload is not an operation of the ledger", index=index)
        if f"op:{payload[6]}" not in self._allowed:
            raise PolicyDenied(f"the policy of {self._name} does not name op:{payload[6]}", index=index)

    def _check_note(self, payload: bytes, index: int) -> None:
        if not self._is_ed25519:
            raise WrongUse("notes are signed with Ed25519", index=index)
        try:
            text = payload.decode()
            head = _COSIGNATURE.match(text)
            origin = note.parse_checkpoint(text[head.end() :] if head else text).origin
        except (UnicodeDecodeError, NoteMalformed) as error:
            raise PolicyDenied("the payload is not the text of a checkpoint", index=index) from error
        rule = f"cosign:{origin}" if head else f"note:{origin}"
        if rule not in self._allowed:
            raise PolicyDenied(f"the policy of {self._name} does not name {rule}", index=index)


def signed_bytes(kind: PayloadKind, payload: bytes) -> bytes:
    """What the signature of a payload of this kind is over: the table of KMS 6.6."""
    if kind == "ledger-op":
        return _framed(b"op/sig", payload)
    if kind == "block":
        return _framed(b"block", payload[:32], payload[32:40], payload[40:])
    return payload


# SPEC LEDGER-2.3
def _framed(tag: bytes, *items: bytes) -> bytes:
    """Hn of LEDGER 2: 64 bytes of SHA-512 over tag and items, each with its length."""
    hasher = sha512(b"PL1" + bytes([len(tag)]) + tag)
    for item in items:
        hasher.update(len(item).to_bytes(4, "little") + item)
    return hasher.digest()
