"""The first manifest and the first policy of a deployment: who holds which key, and what may be issued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specie.crypto import cose
from specie.issuance.messages.keys import KeyEntry, KeyManifest, KeyStatus
from specie.issuance.messages.policy import (
    ANY,
    CurrencyRule,
    IssuerRule,
    Kind,
    Lifetimes,
    Limit,
    Policy,
    Tier,
)

DAY_S = 24 * 3600
ROLE_LIFE_S = {"officer": 365 * DAY_S, "custodian": 365 * DAY_S, "log": 365 * DAY_S, "bank:reg": 365 * DAY_S}
DEFAULT_LIFE_S = 90 * DAY_S
VERIFY_S = 10 * 365 * DAY_S
"""Keys of units and bits verify for the life of the units; one long time for all is the safe side."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A key that the first manifest brings."""

    cose_key: bytes
    role: str
    holder: str
    title: str | None = None
    employer: str | None = None


def first_entry(holding: Holding, now_s: int) -> KeyEntry:
    """A key in force from now on, for its default life (ISSUANCE section 2)."""
    until = now_s + ROLE_LIFE_S.get(holding.role, DEFAULT_LIFE_S)
    return KeyEntry(
        cose.key_id_of(holding.cose_key),
        holding.cose_key,
        holding.role,
        holding.holder,
        now_s,
        until,
        until + VERIFY_S,
        KeyStatus.ACTIVE,
        None,
        holding.title,
        holding.employer,
    )


def first_manifest(environment: str, holdings: Sequence[Holding], now_s: int, threshold: int) -> KeyManifest:
    """Version 1 of the key manifest."""
    entries = tuple(first_entry(holding, now_s) for holding in holdings)
    return KeyManifest(environment, 1, bytes(32), entries, threshold)


def next_manifest(current: KeyManifest, current_hash: bytes, entries: Sequence[KeyEntry]) -> KeyManifest:
    """The manifest after this one, with these entries."""
    return KeyManifest(current.environment, current.version + 1, current_hash, tuple(entries), current.threshold)


DEV_LIFETIMES = Lifetimes(600, 1200, 3600, 0, DAY_S)
LIFETIMES = Lifetimes(600, 1200, 3600, DAY_S, DAY_S)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the first policy of one currency says, in minor units."""

    currency: str
    digits: int
    registry: str
    issuers: Sequence[str]
    quota_control: str
    stock_cap: int
    daily_cap: int
    request_max: int
    automatic_max: int
    one_officer_max: int
    denominations: Sequence[int] = ()
    banks: Sequence[str] = ()


def first_policy(environment: str, terms: Terms, now_s: int, quorum: int = 2) -> Policy:
    """Version 1: automatic up to T1, one officer up to T2, above that two with treasury and risk (section 11)."""
    limits = (
        Limit("total-supply", Kind.STOCK, terms.stock_cap, terms.currency),
        Limit("daily", Kind.WINDOW, terms.daily_cap, terms.currency, ANY, window="day"),
        Limit("requests-per-hour", Kind.COUNT, 1_000_000, terms.currency, ANY, window="hour"),
    )
    tiers = (
        Tier(terms.automatic_max, 0, ()),
        Tier(terms.one_officer_max, 1, ()),
        Tier(terms.request_max, 2, ("treasury", "risk")),
    )
    models = (0, 1) if terms.banks else (0,)
    return Policy(
        environment=environment,
        version=1,
        previous=bytes(32),
        effective_from=now_s,
        quorum=quorum,
        oldest_accepted=1,
        currencies={
            terms.currency: CurrencyRule(
                terms.digits,
                terms.registry,
                tuple(terms.banks),
                1,
                terms.request_max,
                tuple(terms.denominations),
                terms.quota_control,
                (),
            )
        },
        issuers={name: IssuerRule((terms.currency,), models, (), ()) for name in terms.issuers},
        limits=limits,
        tiers={terms.currency: tiers},
        lifetimes=DEV_LIFETIMES if environment == "dev" else LIFETIMES,
        disclose_available=1,
        paused=(),
        owner_classes={},
    )


def by_role(manifest: KeyManifest) -> Mapping[str, list[KeyEntry]]:
    """Entries of a manifest, by role."""
    answer: dict[str, list[KeyEntry]] = {}
    for entry in manifest.entries:
        answer.setdefault(entry.role, []).append(entry)
    return answer
