"""The genesis document: what a chain is from its first block on (LEDGER section 8.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from specie.kernel import codec
from specie.ledger.errors import NonCanonical, Rejected
from specie.ledger.messages.address import Network
from specie.ledger.messages.authority import AuthorityEntry
from specie.ledger.messages.binary import put_u8
from specie.ledger.messages.hashing import framed_hash, hash32
from specie.ledger.messages.outputs import OUTPUT_BYTES, ZERO_CTX, Output, OutputKind, mask_start
from specie.ledger.messages.parameters import (
    Enclaves,
    Parameter,
    Parameters,
    read_authority,
    read_changes,
    read_enclaves,
    value_to_wire,
)
from specie.ledger.messages.record import PublicOutput

GENESIS_VERSION = 1
GENESIS_BYTES_MAX = 2**20
START_OUTPUTS = 64
"""Start outputs of each class."""
SCALE_MAX = 18
PROVIDERS = ("embedded", "cometbft")
_ELSEWHERE = frozenset({Parameter.GOVERNANCE, Parameter.AUTHORITY, Parameter.ENCLAVES, Parameter.VALIDATORS})
"""Parameters that have a field of their own."""


# SPEC LEDGER-1.1, LEDGER-8.6.1
@dataclass(frozen=True, slots=True)
class Genesis:
    """Deterministic CBOR; chain_id is its hash, so nothing in it can change."""

    currency: str
    scale: int
    """Digits after the point."""
    dev: bool
    """Money there is no money; simulated enclaves are allowed."""
    created: int
    """Seconds since 1970."""
    provider: str
    validators: tuple[bytes, ...]
    """Ed25519 keys; the embedded provider has one."""
    governance: tuple[bytes, ...]
    """Ed25519 keys."""
    settings: dict[int, Any]
    """Parameters that differ from their defaults, decoded; FEE_ADDRESS is always there."""
    authorities: tuple[AuthorityEntry, ...]
    random: bytes
    """32 bytes."""
    enclaves: Enclaves = field(default_factory=Enclaves)
    _chain_id: bytes = field(default=b"", init=False, repr=False, compare=False)

    @classmethod
    def decode(cls, data: bytes) -> Genesis:
        """Raises NonCanonical."""
        try:
            value = codec.decode(data, bytes_max=GENESIS_BYTES_MAX)
            genesis = cls._read(value)
            genesis.parameters()
        except NonCanonical:
            raise
        except (codec.Malformed, codec.NonCanonical, codec.TooLarge, Rejected) as error:
            raise NonCanonical(f"not a genesis document: {error.detail}") from error
        return genesis

    @classmethod
    def _read(cls, value: Any) -> Genesis:
        if not isinstance(value, dict) or set(value) != set(range(1, 13)) or value[1] != GENESIS_VERSION:
            raise NonCanonical("a genesis document is a map of the keys 1 to 12, version 1")
        if any(type(key) is not int for key in value) or type(value[1]) is not int:
            raise NonCanonical("keys and version of a genesis document are integers")
        currency, scale, dev, created, provider = (value[key] for key in range(2, 7))
        if type(currency) is not str or not is_currency(currency):
            raise NonCanonical("a currency has 3 to 12 characters of A-Z and 0-9")
        if type(scale) is not int or not 0 <= scale <= SCALE_MAX or type(dev) is not bool:
            raise NonCanonical("scale or kind of the network is out of its bounds")
        if type(created) is not int or not 0 <= created < 2**48 or provider not in PROVIDERS:
            raise NonCanonical("time or provider is out of its bounds")
        if type(value[11]) is not bytes or len(value[11]) != 32:
            raise NonCanonical("a genesis document has 32 random bytes")
        validators = _keys(value[7])
        if provider == "embedded" and len(validators) != 1:
            raise NonCanonical("the embedded provider has one validator key")
        settings = read_changes(value[9])
        if _ELSEWHERE & settings.keys() or Parameter.FEE_ADDRESS not in settings:
            raise NonCanonical("parameters with a field of their own, or no fee address")
        if settings.get(Parameter.PARAM_DELAY) == 0 and not dev:
            raise NonCanonical("a live network has a delay of parameters")
        return cls(
            currency, scale, dev, created, provider, validators, _keys(value[8]), settings,
            read_authority(value[10]), value[11], read_enclaves(value[12]),
        )  # fmt: skip

    def encode(self) -> bytes:
        settings = {int(ident): value_to_wire(value) for ident, value in self.settings.items()}
        entries = [entry.encode() for entry in self.authorities]
        start = {1: GENESIS_VERSION, 2: self.currency, 3: self.scale, 4: self.dev, 5: self.created, 6: self.provider}
        keys = {7: list(self.validators), 8: list(self.governance), 9: settings, 10: entries}
        return codec.encode({**start, **keys, 11: self.random, 12: self.enclaves.to_wire()})

    @property
    def chain_id(self) -> bytes:
        """H_32("chain"; genesis document)."""
        if not self._chain_id:
            object.__setattr__(self, "_chain_id", hash32("chain", self.encode()))  # asked for by every rule
        return self._chain_id

    @property
    def asset(self) -> bytes:
        """4 bytes: how MICROPAY names the currency."""
        return framed_hash("asset", self.currency.encode("ascii"))[:4]

    @property
    def net(self) -> Network:
        """The network of its addresses."""
        return Network.DEV if self.dev else Network.LIVE

    @property
    def time_ms(self) -> int:
        """Time of block 0."""
        return 1000 * self.created

    def parameters(self) -> Parameters:
        """The parameters of block 0."""
        start = Parameters.defaults(
            fee_address=self.settings[Parameter.FEE_ADDRESS],
            governance=self.governance,
            enclaves=self.enclaves,
            provider=self.provider,
            dev=self.dev,
        )
        return start.apply(self.settings, 0)


# SPEC LEDGER-8.6.3
def start_outputs(chain_id: bytes) -> tuple[PublicOutput, ...]:
    """The 128 start outputs of block 0: value 0, spent by nobody, class 0 first."""
    from specie.crypto import ring

    outputs = []
    for class_ in (0, 1):
        for number in range(START_OUTPUTS):
            items = [chain_id, put_u8(class_), put_u8(number)]
            key, ephemeral = ring.pl1_point("gen/P", items), ring.pl1_point("gen/R", items)
            points = key + ring.commit(0, mask_start(chain_id, class_, number)) + ephemeral
            output = Output(points.ljust(OUTPUT_BYTES, b"\0"))
            outputs.append(PublicOutput(OutputKind.START, class_, ZERO_CTX, output))
    return tuple(outputs)


def is_currency(text: str) -> bool:
    """3 to 12 characters of A-Z and 0-9 (ISSUANCE-3.7.2)."""
    return 3 <= len(text) <= 12 and all(letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" for letter in text)


def _keys(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 64:
        raise NonCanonical("a list of 1 to 64 keys is expected")
    if any(type(key) is not bytes or len(key) != 32 for key in value) or len(set(value)) != len(value):
        raise NonCanonical("keys have 32 bytes and stand once")
    return tuple(value)
