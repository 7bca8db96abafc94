"""Proposing, comparing, signing and applying a quota policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from specie.crypto import cose
from specie.issuance.cli.deciding import signer
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, ROLES, Terminal
from specie.issuance.cli.reading import Wrong, file_of, write_file
from specie.issuance.errors import Malformed, WrongType
from specie.issuance.messages.claims import Claims, payload_of, read_payload
from specie.issuance.messages.policy import Kind, Policy
from specie.issuance.messages.view import plain
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.policy import POLICY_BYTES_MAX, check_contents, policy_hash
from specie.issuance.wallet.drafting import lower_cap, raise_cap, set_cap
from specie.issuance.wallet.hand import add_signatures
from specie.issuance.wallet.officer import PUBLISHER
from specie.kernel.errors import Refused

PROPOSAL = b"specie policy proposal 1\n"
"""Begins a proposal that nobody has signed yet: the exact payload that officers will sign follows."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What the next policy says otherwise; amounts as typed."""

    limits: Sequence[tuple[str, str, str]] = ()
    automatic_max: str | None = None
    one_officer_max: str | None = None
    request_max: str | None = None
    disclose: bool | None = None
    delay_s: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """A policy on its way: its payload, and who has signed it."""

    payload: bytes
    policy: Policy
    signatures: tuple[tuple[bytes, int, bytes], ...] = ()

    def encode(self) -> bytes:
        if not self.signatures:
            return PROPOSAL + self.payload
        return cose.assemble_sign(Policy.typ, self.payload, list(self.signatures))


def read_paper(path: Path) -> Paper:
    """A proposal, or a policy with some signatures. Raises Malformed, WrongType, Schema, codec refusals."""
    data = file_of(path)
    if data.startswith(PROPOSAL):
        payload = data.removeprefix(PROPOSAL)
        return Paper(payload, read_payload(Policy, payload)[1])
    if not data:
        raise Malformed(f"{path} is empty")
    parsed = cose.parse_sign(data, bytes_max=POLICY_BYTES_MAX)
    if parsed.typ != Policy.typ:
        raise WrongType(f"{path} holds {parsed.typ}, not a policy")
    signatures = tuple((signer.kid, signer.alg, signer.signature) for signer in parsed.signers)
    return Paper(parsed.payload, read_payload(Policy, parsed.payload)[1], signatures)


async def propose_changes(office: Office, terminal: Terminal, changes: Changes, out: str | None) -> None:
    """Write the next policy, unsigned. Raises PolicyRefused for one that contradicts itself."""
    current = await office.read_policy(CENTRAL_MANAGEMENT)
    policy = changed(office, current, changes)
    check_contents(policy)
    claims = Claims(iss=PUBLISHER, iat=policy.effective_from, cti=office.place.new_id())
    paper = Paper(payload_of(claims, policy), policy)
    rows = differences(current, policy)
    path = Path(out or f"policy-{policy.version}.proposed")
    if not terminal.flags.dry_run:
        write_file(path, paper.encode())
    text = [f"policy {policy.version} in {path}: {policy.quorum} officers must sign it"]
    text += [f"  {row['field']}: {row['now']} → {row['then']}" for row in rows]
    text.append(f"next: specie issuance policy sign {path} --as PERSON")
    terminal.show({"file": str(path), "version": policy.version, "changes": rows}, "\n".join(text))


# SPEC ISSUANCE-5.1.4
CAP_ACTS = {"set": set_cap, "raise": raise_cap, "lower": lower_cap}


def changed(office: Office, current: Policy, changes: Changes) -> Policy:
    """The policy after the current one. Raises Wrong for a limit that is not there, amount refusals."""
    code = changes.currency or office.place.currency
    office.digits(code)
    draft = current
    for act, name, text in changes.limits:
        found = [limit for limit in current.limits if limit.name == name]
        if not found:
            raise Wrong(f"there is no limit {name}; there are: {', '.join(limit.name for limit in current.limits)}")
        draft = CAP_ACTS[act](draft, name, cap_of(office, found[0].kind, text, found[0].currency))
    rule = current.currencies[code]
    tiers = list(current.tiers[code])
    for place, said in ((0, changes.automatic_max), (1, changes.one_officer_max), (-1, changes.request_max)):
        if said is not None:
            if place >= len(tiers):
                raise Wrong("the policy has no such tier")
            tiers[place] = replace(tiers[place], up_to=office.parse(said, code))
    if changes.request_max is not None:
        rule = replace(rule, most=office.parse(changes.request_max, code))
    lifetimes = current.lifetimes
    if changes.delay_s is not None:
        lifetimes = replace(lifetimes, loosen_delay_s=changes.delay_s)
    return replace(
        current,
        version=current.version + 1,
        previous=policy_hash(office.policy_data),
        effective_from=now_s(office),
        limits=draft.limits,
        currencies={**current.currencies, code: rule},
        tiers={**current.tiers, code: tuple(tiers)},
        lifetimes=lifetimes,
        disclose_available=current.disclose_available if changes.disclose is None else int(changes.disclose),
    )


def now_s(office: Office) -> int:
    """The moment that an id made now carries (RFC 9562: milliseconds in the first six bytes)."""
    return int.from_bytes(office.place.new_id()[:6], "big") // 1000


def cap_of(office: Office, kind: int, text: str, code: str) -> int:
    """A cap as typed: an amount, or a number of requests."""
    if kind != Kind.COUNT:
        return office.parse(text, code)
    if not text.isdecimal() or len(text) > 12:
        raise Wrong(f"{text}: a frequency cap is a number of requests")
    return int(text)


def differences(now: Body, then: Body) -> list[dict[str, Any]]:
    """Fields that differ, in words."""
    return list(walk("", plain(now), plain(then)))


def walk(path: str, now: Any, then: Any) -> Any:
    """Every leaf that differs, by its path."""
    if isinstance(now, dict) and isinstance(then, dict):
        for name in dict.fromkeys([*now, *then]):
            yield from walk(f"{path}.{name}" if path else str(name), now.get(name), then.get(name))
    elif isinstance(now, list) and isinstance(then, list) and all(isinstance(each, dict) for each in [*now, *then]):
        for place in range(max(len(now), len(then))):
            a, b = now[place] if place < len(now) else None, then[place] if place < len(then) else None
            name = (a or b or {}).get("name", place)
            yield from walk(f"{path}[{name}]", a, b)
    elif now != then:
        yield {"field": path, "now": now, "then": then}


async def diff(office: Office, terminal: Terminal, path: Path) -> None:
    """A proposal against the policy in force."""
    paper = read_paper(path)
    current = await office.read_policy(CENTRAL_MANAGEMENT)
    rows = differences(current, paper.policy)
    follows = paper.policy.version == current.version + 1 and paper.policy.previous == policy_hash(office.policy_data)
    names = await signers_of(office, paper)
    value = {"version": paper.policy.version, "follows": follows, "changes": rows, "signed_by": names}
    lines = [f"policy {paper.policy.version} " + ("follows" if follows else "does NOT follow") + f" {current.version}"]
    lines += [f"  {row['field']}: {row['now']} → {row['then']}" for row in rows]
    lines.append(f"signed by {', '.join(names) or 'nobody'}; {current.quorum} officers are needed")
    terminal.show(value, "\n".join(lines))


async def signers_of(office: Office, paper: Paper) -> list[str]:
    """Holders of the keys that have signed, where the manifest knows them."""
    keys = await office.read_keys()
    return [keys.entries[kid].holder if kid in keys.entries else kid.hex() for kid, _, _ in paper.signatures]


async def sign(office: Office, terminal: Terminal, path: Path, out: Path | None) -> None:
    """Add one officer's signature; off line."""
    paper = read_paper(path)
    hand = signer(office, terminal)
    for name in ("limits", "tiers"):
        terminal.note(f"  {name}: {plain(getattr(paper.policy, name))}")
    signed = await add_signatures(Policy.typ, paper.payload, paper.signatures, [hand])
    target = out or path.with_suffix(
        f".{hand.holder}.cose" if path.suffix == ".proposed" else f".{hand.holder}{path.suffix}"
    )
    if not terminal.flags.dry_run:
        write_file(target, signed)
    count = len(cose.parse_sign(signed, bytes_max=POLICY_BYTES_MAX).signers)
    terminal.show(
        {"file": str(target), "version": paper.policy.version, "signatures": count},
        f"✔ {hand.holder} signed policy {paper.policy.version}: {count} of {paper.policy.quorum} signatures,"
        f" in {target}",
    )


# SPEC ISSUANCE-1.3.1, ISSUANCE-5.1.3
async def apply(office: Office, terminal: Terminal, path: Path) -> None:
    """Hand a signed policy to each of the three systems; each judges it for itself."""
    paper = read_paper(path)
    if not paper.signatures:
        raise Wrong(f"{path} is a proposal; officers sign it first: specie issuance policy sign {path} --as PERSON")
    data = file_of(path)
    answers: dict[str, Any] = {}
    failed: Refused | None = None
    for role in ROLES:
        try:
            answers[role] = await office.rules(role).apply_policy(data)
        except Refused as refusal:
            answers[role], failed = refusal.code, refusal
    if failed is not None and not any(isinstance(answer, int) for answer in answers.values()):
        raise failed
    lines = [f"  {'✔' if isinstance(answer, int) else '✘'} {role}: {answer}" for role, answer in answers.items()]
    terminal.show({"version": paper.policy.version, "systems": answers}, "\n".join(lines))
    if failed is not None:
        raise failed
