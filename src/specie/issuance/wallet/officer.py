"""What officers, root holders and custodians sign, off line: decisions, pauses, policies, manifests, attestations."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from specie.issuance.messages.keys import KeyManifest
from specie.issuance.messages.objects import (
    Approval,
    ClockReset,
    Decision,
    Pause,
    PauseAction,
    Reserve,
    Revoke,
)
from specie.issuance.messages.policy import Policy
from specie.issuance.wallet.hand import APPROVAL_S, Hand, sign_together

PUBLISHER = "officers"
ROOT = "root"


async def approve(
    hand: Hand, request: bytes, tier: int, *, reason: str | None = None, life_s: int = APPROVAL_S
) -> bytes:
    """`dc-appr`: yes to a request, an enrolment or a destruction, named by its exact bytes."""
    body = Approval(sha256(request).digest(), Decision.APPROVE, tier, reason)
    return await hand.sign(body, exp=hand.now_s() + life_s)


async def reject(hand: Hand, request: bytes, tier: int, reason: str, *, life_s: int = APPROVAL_S) -> bytes:
    """`dc-appr`: no."""
    body = Approval(sha256(request).digest(), Decision.REJECT, tier, reason)
    return await hand.sign(body, exp=hand.now_s() + life_s)


async def pause(hand: Hand, scope: str, reason: str) -> bytes:
    """`dc-pause`: stop a scope."""
    return await hand.sign(Pause(scope, PauseAction.PAUSE, reason))


async def resume(hand: Hand, scope: str, reason: str, lifts: Sequence[bytes]) -> bytes:
    """`dc-pause`: let go exactly the pauses named by their hashes; a second officer signs the same words."""
    return await hand.sign(Pause(scope, PauseAction.RESUME, reason, tuple(lifts)))


async def freeze(hand: Hand, serial: bytes, reason: str, *, release: bool = False) -> bytes:
    """`dc-pause` of one unit; a second officer signs the same words."""
    action = PauseAction.RESUME if release else PauseAction.PAUSE
    return await hand.sign(Pause(f"unit:{serial.hex()}", action, reason))


async def reset_clock(hand: Hand, system: str, reason: str) -> bytes:
    """`dc-clock`: a system's stored time back to its clock; a second officer signs the same words."""
    return await hand.sign(ClockReset(system, reason))


async def revoke(hand: Hand, target: bytes, reason: str, *, from_sequence: int | None = None) -> bytes:
    """`dc-revoke`: a credential by its cti."""
    return await hand.sign(Revoke(target, reason, from_sequence))


async def attest(hand: Hand, currency: str, amount: int, as_of: int) -> bytes:
    """`dc-reserve`: what a custodian holds, minor units."""
    return await hand.sign(Reserve(currency, amount, as_of))


async def sign_policy(policy: Policy, hands: Sequence[Hand]) -> bytes:
    """`dc-policy` by several officers (genesis: root holders)."""
    return await sign_together(policy, PUBLISHER, hands)


async def sign_manifest(manifest: KeyManifest, hands: Sequence[Hand]) -> bytes:
    """`dc-keys` by several root holders."""
    return await sign_together(manifest, ROOT, hands)
