"""The systems as a command asks them: clients, the key set and the policy in force, amounts in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from specie.crypto import cose
from specie.issuance.cli.errors import ProofFailed
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, ISSUANCE, QUOTA_CONTROL, Place, Terminal
from specie.issuance.client import CentralManagementClient, IssuanceSystemClient, QuotaControlClient
from specie.issuance.client.calling import RulesClient
from specie.issuance.errors import CurrencyNotPermitted, Denial, PolicyStale
from specie.issuance.messages.claims import read_payload
from specie.issuance.messages.policy import Policy
from specie.issuance.protocol.keyset import KeySet, read_manifest
from specie.issuance.protocol.policy import POLICY_BYTES_MAX
from specie.kernel.amount import Amount, check_currency_code, format_minor, parse_minor
from specie.kernel.errors import Refused

T = TypeVar("T")
ANY_CURRENCY = ""


@dataclass
class Office:
    """One command's view of a deployment; what it has read of rules stays for the command."""

    place: Place
    manifests: list[bytes] = field(default_factory=list)
    policy_data: bytes = b""
    policy: Policy | None = None
    keys: KeySet | None = None

    @cached_property
    def central_management(self) -> CentralManagementClient:
        return CentralManagementClient(self.place.caller(CENTRAL_MANAGEMENT))

    @cached_property
    def quota_control(self) -> QuotaControlClient:
        return QuotaControlClient(self.place.caller(QUOTA_CONTROL))

    @cached_property
    def issuance(self) -> IssuanceSystemClient:
        return IssuanceSystemClient(self.place.caller(ISSUANCE), self.digits)

    def rules(self, role: str) -> RulesClient:
        return RulesClient(self.place.caller(role))

    async def read_policy(self, role: str = ISSUANCE) -> Policy:
        """The newest policy of one system. Raises PolicyStale, and where the system does not answer."""
        if self.policy is None:
            datas = await self.rules(role).policies_since(0)
            if not datas:
                raise PolicyStale("no quota policy yet")
            self.policy_data = datas[-1]
            self.policy = policy_of(datas[-1])
        return self.policy

    # SPEC ISSUANCE-2.1.2, ISSUANCE-2.1.3
    async def read_keys(self, role: str = CENTRAL_MANAGEMENT) -> KeySet:
        """The manifest in force, its whole chain verified from the pinned root keys. Raises ManifestRefused."""
        if self.keys is None:
            self.manifests = await self.rules(role).keys_since(0)
            roots, current = dict(self.place.roots()), None
            for data in self.manifests:
                current = read_manifest(data, roots, self.place.environment, current)
            if current is None:
                raise ProofFailed("no key manifest yet")
            self.keys = current
        return self.keys

    # -- amounts

    def digits(self, code: str) -> int:
        """Decimal places of a currency. Raises CurrencyMalformed, CurrencyNotPermitted."""
        check_currency_code(code)
        rule = self.policy.currencies.get(code) if self.policy is not None else None
        if rule is None:
            raise CurrencyNotPermitted(f"{code} is no currency of this deployment")
        return rule.digits

    def parse(self, text: str, code: str) -> int:
        """Minor units. Raises as `digits`, then AmountMalformed, AmountOutOfRange."""
        return parse_minor(text, self.digits(code))

    def plain(self, minor: int, code: str) -> str:
        """20000.00"""
        return format_minor(minor, self.digits(code))

    def words(self, minor: int, code: str) -> str:
        """20 000.00 XTS"""
        return f"{grouped(format_minor(minor, self.digits(code)))} {code}"

    # SPEC ISSUANCE-7.2
    def enrich(self, error: Refused, asked: int, code: str) -> None:
        """Put the figures of a signed denial into the refusal's facts, in words."""
        evidence = getattr(error, "evidence", b"")
        if not evidence:
            return
        from specie.issuance.messages.objects import Deny
        from specie.issuance.protocol.envelope import read_unverified

        try:
            said = read_unverified(evidence, Deny).body
        except Denial:
            return
        error.facts["asked"] = self.words(asked, code)
        if said.bucket is not None:
            error.facts["bucket"] = said.bucket
        if said.available is not None:
            error.facts["available"] = self.words(said.available, code)
            error.facts["offer"] = self.plain(said.available, code)
            error.facts["limits"] = {"remaining": {"currency": code, "value": self.plain(said.available, code)}}


def grouped(text: str) -> str:
    """Thousands apart: 20000.00 becomes 20 000.00."""
    whole, point, fraction = text.partition(".")
    return f"{int(whole):,}".replace(",", " ") + point + fraction


def policy_of(data: bytes) -> Policy:
    """A policy as its bytes say; who signed it is judged elsewhere. Raises Malformed, Schema, codec refusals."""
    return read_payload(Policy, cose.parse_sign(data, bytes_max=POLICY_BYTES_MAX).payload)[1]


def at_work(terminal: Terminal, work: Callable[[Office], Awaitable[T]]) -> T:
    """Run a command's work in an office of its own."""

    async def run() -> T:
        place = terminal.workplace()
        try:
            return await work(Office(place))
        finally:
            await place.close()

    return terminal.run(run())


__all__ = ["Amount", "Office", "at_work", "grouped", "policy_of"]
