"""A change of parameters on its way from governor to governor: a file that each of them reads, signs and hands on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from specie.crypto import cose, ed25519
from specie.kms.api import Keys, KeyUri
from specie.ledger.cli.desk import Money, Wrong
from specie.ledger.errors import NonCanonical
from specie.ledger.messages.address import Address
from specie.ledger.messages.authority import BIP340, ED25519, AuthorityEntry, AuthorityStatus, Role
from specie.ledger.messages.bodies import ParameterChange
from specie.ledger.messages.frames import Frame, OpType, op_signature_input
from specie.ledger.messages.parameters import AuthorityUpdate, DecoyWeights, Parameter, Regulated, decode_changes

KIND = "specie.parameter-change"
FILE_BYTES_MAX = 1 << 20
AMOUNTS = (Parameter.ESCROW_FEE, Parameter.FEE_MIN)
NUMBERS = frozenset(
    {
        Parameter.RING_SIZE,
        Parameter.MIN_AGE,
        Parameter.ANCHOR_WINDOW,
        Parameter.EPOCH_BLOCKS,
        Parameter.PROOF_RETENTION,
        Parameter.WITHDRAW_TIMEOUT,
        Parameter.PARAM_DELAY,
        Parameter.ESCROW_OPS_MAX,
        Parameter.OPS_PER_BLOCK,
    }
)


# SPEC LEDGER-9.8.1, LEDGER-9.8.2
@dataclass(frozen=True, slots=True)
class Draft:
    """A change that is not signed by enough governors yet."""

    chain_id: bytes
    version: int
    previous: bytes
    effective_height: int
    expiry_height: int
    changes: bytes
    """Deterministic CBOR."""
    signers: int
    """How many governors sign: the frame's length is signed too, so the number is fixed from the start."""
    signatures: Mapping[int, bytes] = field(default_factory=dict)
    """By the place of the key among the governance keys."""

    def frame(self, signatures: Mapping[int, bytes]) -> tuple[ParameterChange, Frame]:
        pairs = tuple(sorted(signatures.items()))
        body = ParameterChange(self.version, self.previous, self.effective_height, self.changes, pairs)
        return body, Frame.of(OpType.PARAMETERS, self.chain_id, self.expiry_height, body.encode())

    @property
    def signed_part(self) -> bytes:
        """The frame bytes before n_sig."""
        body, frame = self.frame({place: bytes(64) for place in range(self.signers)})
        return body.signed_part(frame)

    async def sign(self, keys: Keys, key: KeyUri, governance: Sequence[bytes], ident: bytes) -> Draft:
        """With one more signature. Raises Wrong for a key that does not govern this chain, and as `Keys.sign`."""
        public = (await keys.public_key(key)).bytes
        if public not in governance:
            raise Wrong("this key is none of the governance keys of the chain")
        signature = bytes(await keys.sign(key, "ledger-op", self.signed_part, ident))
        return replace(self, signatures={**self.signatures, governance.index(public): signature})

    def finished(self, governance: Sequence[bytes]) -> bytes:
        """The signed frame. Raises Wrong where a signature is missing or does not verify."""
        message = op_signature_input(self.signed_part)
        for place, signature in self.signatures.items():
            if place >= len(governance) or not ed25519.is_signature(governance[place], message, signature):
                raise Wrong(f"the signature of governance key {place} does not verify")
        if len(self.signatures) < self.signers:
            raise Wrong(f"{len(self.signatures)} of {self.signers} governors have signed")
        chosen = dict(sorted(self.signatures.items())[: self.signers])
        return self.frame(chosen)[1].data

    def to_json(self, money: Money) -> dict[str, Any]:
        """The file. What stands under `says` is for people; nobody reads it back."""
        return {
            "kind": KIND,
            "says": describe(decode_changes(self.changes), money),
            "chain_id": self.chain_id.hex(),
            "version": self.version,
            "previous": self.previous.hex(),
            "effective_height": self.effective_height,
            "expiry_height": self.expiry_height,
            "changes": self.changes.hex(),
            "signers": self.signers,
            "signatures": {str(place): each.hex() for place, each in sorted(self.signatures.items())},
        }

    @classmethod
    def read(cls, path: Path) -> Draft:
        """Raises Wrong; ParamsValue, NotAvailable for changes that no chain would take."""
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                raise Wrong(f"{path} is too large")
            value = json.loads(path.read_bytes())
            if value["kind"] != KIND:
                raise Wrong(f"{path} holds no change of parameters")
            numbers = [value[name] for name in ("version", "effective_height", "expiry_height", "signers")]
            if any(type(each) is not int or not 0 <= each < 2**32 for each in numbers) or not 1 <= numbers[3] <= 64:
                raise Wrong(f"{path} is damaged")
            octets = [bytes.fromhex(value[name]) for name in ("chain_id", "previous", "changes")]
            found = {int(place): bytes.fromhex(each) for place, each in value["signatures"].items()}
            version, effective, expiry, signers = numbers
            draft = cls(octets[0], version, octets[1], effective, expiry, octets[2], signers, found)
        except OSError as error:
            raise Wrong(f"{path} cannot be read ({error.strerror})") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Wrong(f"{path} is damaged") from error
        if len(draft.chain_id) != 32 or len(draft.previous) != 32 or any(len(each) != 64 for each in found.values()):
            raise Wrong(f"{path} is damaged")
        decode_changes(draft.changes)
        return draft


# -- values as people write them


def parse_setting(text: str, money: Money) -> tuple[Parameter, Any]:
    """RING_SIZE=32: the parameter and its value. Raises Wrong, and what amounts and addresses refuse."""
    name, _, said = text.partition("=")
    try:
        which = Parameter[name.strip().upper()]
    except KeyError:
        known = ", ".join(each.name for each in Parameter)
        raise Wrong(f"{name!r} is no parameter; there are: {known}") from None
    try:
        return which, _value(which, said.strip(), money)
    except (ValueError, KeyError) as error:
        raise Wrong(f"{said!r} is no value of {which.name}") from error


def _value(which: Parameter, said: str, money: Money) -> Any:
    if which in NUMBERS:
        return int(said)
    if which == Parameter.ESCROW_FEE:
        return money.parse(said)
    if which == Parameter.FEE_MIN:
        return tuple(money.parse(each) for each in said.split(","))
    if which == Parameter.FEE_ADDRESS:
        return Address.parse(said).pay
    if which == Parameter.STRICT_PROOFS:
        return {"true": True, "false": False}[said.lower()]
    if which == Parameter.GOVERNANCE:
        return tuple(bytes.fromhex(each) for each in said.split(","))
    if which == Parameter.REGULATED:
        limit, _, kid = said.partition(":")
        return None if said == "off" else Regulated(money.parse(limit), bytes.fromhex(kid))
    if which == Parameter.DECOY_LAW:
        version, *weights = (int(each) for each in said.split(","))
        return DecoyWeights(version, tuple(weights))
    raise Wrong(f"{which.name} is not set by hand: keys come by --follow-manifest, --admit and --revoke")


def parse_admission(text: str, now_s: int, life_s: int, verify_s: int) -> AuthorityEntry:
    """ROLE:SYSTEM:KEY[:TOPIC], a key that the manifest does not hold: a bank's, an anchor's. Raises Wrong."""
    try:
        role_name, rest = text.split(":", 1)
        role = Role[role_name.strip().upper().replace("-", "_")]
        topic = 0
        if role == Role.ANCHOR:
            rest, _, number = rest.rpartition(":")
            topic = int(number)
        system, _, digits = rest.rpartition(":")
        public = bytes.fromhex(digits)
        alg = BIP340 if role == Role.BANK_CHANNEL else ED25519
        until = now_s + life_s
        entry = AuthorityEntry(cose.key_id(public), role, system, public, now_s, until, until + verify_s, topic, alg)
        return AuthorityEntry.decode(entry.encode())
    except (ValueError, KeyError, OverflowError, NonCanonical) as error:
        raise Wrong(f"{text!r} is not ROLE:SYSTEM:KEY, or anchor:SYSTEM:KEY:TOPIC") from error


def describe(changes: Mapping[int, Any], money: Money) -> list[str]:
    """What a change does, a line each."""
    lines = []
    for ident, value in sorted(changes.items()):
        if isinstance(value, AuthorityUpdate):
            lines += [_key_line(entry) for entry in value.entries]
            if value.manifest_version:
                lines.append(f"following key manifest {value.manifest_version}, {value.manifest_hash.hex()}")
            continue
        lines.append(f"{Parameter(ident).name} = {_words(Parameter(ident), value, money)}")
    return lines


def _key_line(entry: AuthorityEntry) -> str:
    state = AuthorityStatus(entry.status).name.lower()
    since = f" from log position {entry.revoked_from}" if entry.is_revoked else ""
    name = Role(entry.role).name.lower().replace("_", "-")
    return f"key {entry.kid.hex()} of {entry.system} as {name}: {state}{since}"


def _words(which: Parameter, value: Any, money: Money) -> str:
    if which in AMOUNTS:
        return ", ".join(money.words(each) for each in (value if isinstance(value, tuple) else (value,)))
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple) and all(isinstance(each, bytes) for each in value):
        return ", ".join(each.hex() for each in value)
    return str(value)
