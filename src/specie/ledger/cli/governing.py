"""`specie ledger govern`: governors change parameters, and bring new, ended and revoked keys to the ledger."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from specie.ledger.cli.desk import Desk, Money, Wrong, at_work, bytes_of
from specie.ledger.cli.drafts import Draft, describe, parse_admission, parse_setting
from specie.ledger.cli.place import Terminal
from specie.ledger.errors import NetworkMismatch
from specie.ledger.messages.authority import AuthorityEntry, AuthorityStatus
from specie.ledger.messages.bodies import ParameterChange
from specie.ledger.messages.frames import op_id
from specie.ledger.messages.header import Header
from specie.ledger.messages.parameters import AuthorityUpdate, Parameter, decode_changes, encode_changes
from specie.ledger.messages.state import Domain, ParametersState
from specie.ledger.protocol.light import verify_operation
from specie.ledger.wallet.chain import Chain

EXPIRY_BLOCKS = 20_000
WAITING_MAX = 64
"""Changes looked at that may still wait; more than so many are never under way."""
AT_ONCE_BLOCKS = 2
SIGNING_BLOCKS = 20
"""How many blocks may pass, beyond PARAM_DELAY, until a change is handed in: with and without `--now`."""
FINAL_WITHIN_S = 20.0
LIFE_S = 365 * 24 * 3600
VERIFY_S = 10 * LIFE_S
UNTOLD = AuthorityUpdate(0, bytes(32), ())
"""No manifest was asked for."""

govern = typer.Typer(
    help="Change parameters and the keys that the ledger believes (for governors).\n\n"
    "Examples: specie ledger govern propose --follow-manifest --now · specie ledger govern sign FILE --as governor-1",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@govern.command("propose")
def propose(
    context: typer.Context,
    settings: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE; may be repeated.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow-manifest", help="Keys that issuance's manifest added, ended or revoked.")
    ] = False,
    admit: Annotated[
        list[str] | None, typer.Option(help="A key of no manifest: ROLE:SYSTEM:KEY, anchor:SYSTEM:KEY:TOPIC.")
    ] = None,
    revoke: Annotated[list[str] | None, typer.Option(help="KID or KID@POSITION: this key is stolen.")] = None,
    blocks: Annotated[
        int | None, typer.Option("--in", min=AT_ONCE_BLOCKS, help="Blocks beyond PARAM_DELAY until it takes effect.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", "-o", help="The new file that governors sign.")] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Sign with the governors' keys that are here; hand it in.")
    ] = False,
) -> None:
    """Draw up a change of parameters. Revocations go alone: then they are in force in the next block.

    Examples: specie ledger govern propose --set RING_SIZE=32 -o change.json ·
    specie ledger govern propose --follow-manifest --now
    """
    terminal: Terminal = context.obj
    if (to is None) == (not now):
        raise Wrong("say either -o FILE, or --now")

    async def work(desk: Desk) -> None:
        chain = await desk.chain()
        header = (await chain.tip()).header
        money = Money(chain.genesis.currency, chain.genesis.scale)
        wanted = await _wanted(desk, header, money, settings or [], admit or [])
        revoked = await _stolen(chain, revoke or [])
        followed = UNTOLD
        if follow:
            followed, fresh, ended = await difference(chain, header, await desk.place.manifest())
            wanted[Parameter.AUTHORITY] = [*wanted.get(Parameter.AUTHORITY, []), *fresh]
            revoked += [each for each in ended if each.kid not in {other.kid for other in revoked}]
        changes = _arranged(terminal, followed, wanted, revoked)
        if not changes:
            terminal.show({"changes": []}, "✔ nothing to change: the ledger believes what the manifest says")
            return
        margin = blocks or (AT_ONCE_BLOCKS if now else SIGNING_BLOCKS)
        draft = await drawn_up(chain, header, changes, margin, alone=bool(revoked))
        if to is not None:
            _save(desk, draft, money, to)
        else:
            await _at_once(desk, chain, draft, money)

    at_work(terminal, work)


async def _wanted(
    desk: Desk, header: Header, money: Money, settings: Sequence[str], admit: Sequence[str]
) -> dict[int, Any]:
    """What --set and --admit ask for. Raises Wrong."""
    wanted: dict[int, Any] = {}
    for text in settings:
        which, value = parse_setting(text, money)
        if which in wanted:
            raise Wrong(f"{which.name} is set twice")
        wanted[which] = value
    if admit:
        now_s = header.time_ms // 1000
        wanted[Parameter.AUTHORITY] = [parse_admission(each, now_s, LIFE_S, VERIFY_S) for each in admit]
    return wanted


async def _stolen(chain: Chain, said: Sequence[str]) -> list[AuthorityEntry]:
    """Entries of the ledger's own table, revoked as --revoke asks. Raises Wrong."""
    found = []
    for text in said:
        digits, _, position = text.partition("@")
        old = await known_key(chain, bytes_of(digits, 16, "key id"))
        if old is None or (position and not position.isdecimal()):
            raise Wrong(f"{text!r} is no key of the ledger's authority table, or no log position")
        found.append(replace(old, status=AuthorityStatus.REVOKED, revoked_from=int(position or 0)))
    return found


async def known_key(chain: Chain, kid: bytes) -> AuthorityEntry | None:
    """A key of the ledger's authority table, proven. Raises ProofInvalid."""
    value = (await chain.state(Domain.AUTHORITY, kid)).value
    return AuthorityEntry.decode(value) if value else None


async def waiting(chain: Chain, header: Header) -> tuple[ParametersState, list[ParameterChange]]:
    """The last accepted change, and all that are not in force yet. Raises ProofInvalid."""
    found = (await chain.state(Domain.PARAMETERS, b"")).value
    last = ParametersState.decode(found) if found else ParametersState()
    first = max(1, last.version + 1 - WAITING_MAX)
    changes = [await chain.change(version) for version in range(first, last.version + 1)]
    return last, [each for each in changes if each.effective_height > header.height]


# SPEC LEDGER-9.9.1, ISSUANCE-13.2.7
async def difference(
    chain: Chain, header: Header, manifest: AuthorityUpdate
) -> tuple[AuthorityUpdate, list[AuthorityEntry], list[AuthorityEntry]]:
    """What the manifest says otherwise than the ledger, or a change that waits there, will say.

    The manifest, entries to set, and keys in force to be revoked: made of the ledger's own entries, so that nothing
    but the revocation changes (LEDGER-9.8.3).
    """
    due: dict[bytes, AuthorityEntry] = {}
    for change in (await waiting(chain, header))[1]:
        update = decode_changes(change.changes).get(Parameter.AUTHORITY)
        due |= {entry.kid: entry for entry in update.entries} if update is not None else {}
    fresh, revoked = [], []
    for entry in manifest.entries:
        old = await known_key(chain, entry.kid)
        last = due.get(entry.kid, old)
        if last == entry or (last is not None and last.is_revoked and not _is_earlier(entry, last)):
            continue
        if old is not None and entry.is_revoked:
            revoked.append(replace(old, status=entry.status, revoked_from=entry.revoked_from))
        else:
            fresh.append(entry)
    return manifest, fresh, revoked


def _is_earlier(entry: AuthorityEntry, last: AuthorityEntry) -> bool:
    """A revocation stays, but its log position may go down."""
    return entry.is_revoked and entry.revoked_from < last.revoked_from


def _arranged(
    terminal: Terminal, manifest: AuthorityUpdate, wanted: Mapping[int, Any], revoked: Sequence[AuthorityEntry]
) -> dict[int, Any]:
    """The changes of one frame: revocations alone if there are any, else all the rest. Raises Wrong."""
    entries = wanted.get(Parameter.AUTHORITY, [])
    rest = {ident: value for ident, value in wanted.items() if ident != Parameter.AUTHORITY}
    if revoked and (rest or entries):
        terminal.warn("Revocations go first and alone; propose the rest again when they are in force.")
        rest, entries = {}, []
    chosen = sorted(revoked or entries, key=lambda entry: entry.kid)
    if len({entry.kid for entry in chosen}) != len(chosen):
        raise Wrong("a key stands twice")
    return {**rest, Parameter.AUTHORITY: replace(manifest, entries=tuple(chosen))} if chosen else rest


# SPEC LEDGER-9.8.1, LEDGER-9.8.3, LEDGER-9.8.4
async def drawn_up(chain: Chain, header: Header, changes: Mapping[int, Any], margin: int, *, alone: bool) -> Draft:
    """A draft on top of the last accepted change. alone: revocations only, which need no delay.

    Raises ParamsValue, NotAvailable for values that no chain would take.
    """
    data = encode_changes(changes)
    decode_changes(data)
    last, others = await waiting(chain, header)
    parameters = await chain.parameters(header)
    earliest = header.height + margin
    if not alone:
        earliest = max([earliest + parameters.param_delay, *(each.effective_height for each in others)])
    expiry = header.height + EXPIRY_BLOCKS
    return Draft(chain.chain_id, last.version + 1, last.op_id, earliest, expiry, data, parameters.quorum)


def _save(desk: Desk, draft: Draft, money: Money, path: Path) -> None:
    shown = draft.to_json(money)
    if not desk.terminal.flags.dry_run:
        if path.exists():
            raise Wrong(f"{path} is there already")
        write_draft(path, shown)
    said = "\n  ".join(shown["says"])
    desk.terminal.show(
        shown | {"file": str(path)},
        f"✔ change {draft.version}, in force from block {draft.effective_height} on\n  {said}\n"
        f"  next  {draft.signers} governors: specie ledger govern sign {path} --as governor-1",
    )


def write_draft(path: Path, value: Mapping[str, Any]) -> None:
    """All of it or nothing. Raises Wrong."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(value, indent=2) + "\n")
        os.replace(part, path)
    except OSError as error:
        raise Wrong(f"{path} cannot be written ({error.strerror})") from error


async def _at_once(desk: Desk, chain: Chain, draft: Draft, money: Money) -> None:
    """Every governor is here, as in a sandbox."""
    says = describe(decode_changes(draft.changes), money)
    names = list(desk.place.governors())
    if len(names) < draft.signers:
        raise Wrong(f"{draft.signers} governors must sign; keys of {len(names)} are here: use -o FILE")
    if desk.terminal.flags.dry_run:
        desk.terminal.show(draft.to_json(money), "would sign and hand in:\n  " + "\n  ".join(says))
        return
    desk.terminal.confirm(f"Sign and hand in: {'; '.join(says)}?")
    governance = (await chain.parameters((await chain.tip()).header)).governance
    for name in names[: draft.signers]:
        draft = await draft.sign(*desk.place.governor(name), governance, desk.place.new_id())
    await hand_in(desk, chain, draft, governance, says)


@govern.command("sign")
def sign(context: typer.Context, file: Annotated[Path, typer.Argument(help="The file of `govern propose`.")]) -> None:
    """Sign a change as one governor, named by --as. The file then holds one signature more.

    Examples: specie ledger govern sign change.json --as governor-1 ·
    specie ledger govern sign change.json --as governor-2 --yes
    """
    terminal: Terminal = context.obj
    person = terminal.flags.person
    if person is None:
        raise Wrong("say who signs: --as governor-1")

    async def work(desk: Desk) -> None:
        draft, chain = Draft.read(file), await desk.chain()
        _check_chain(draft, chain)
        money = Money(chain.genesis.currency, chain.genesis.scale)
        governance = (await chain.parameters((await chain.tip()).header)).governance
        says = "; ".join(describe(decode_changes(draft.changes), money))
        if terminal.flags.dry_run:
            terminal.show(draft.to_json(money), f"would sign: {says}")
            return
        terminal.confirm(f"Sign change {draft.version} (from block {draft.effective_height} on): {says}?")
        signed = await draft.sign(*desk.place.governor(person), governance, desk.place.new_id())
        shown = signed.to_json(money)
        write_draft(file, shown)
        count = len(signed.signatures)
        terminal.show(shown, f"✔ {person} signed: {count} of {signed.signers} signatures in {file}")

    at_work(terminal, work)


@govern.command("submit")
def submit(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A file that enough have signed.")]
) -> None:
    """Hand a signed change in. The same file again gets the same answer.

    Examples: specie ledger govern submit change.json · specie ledger govern submit change.json --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        draft, chain = Draft.read(file), await desk.chain()
        _check_chain(draft, chain)
        money = Money(chain.genesis.currency, chain.genesis.scale)
        governance = (await chain.parameters((await chain.tip()).header)).governance
        says = describe(decode_changes(draft.changes), money)
        if terminal.flags.dry_run:
            frame = draft.finished(governance)
            terminal.show({"op_id": op_id(frame).hex()}, "would hand in:\n  " + "\n  ".join(says))
            return
        await hand_in(desk, chain, draft, governance, says)

    at_work(terminal, work)


def _check_chain(draft: Draft, chain: Chain) -> None:
    if draft.chain_id != chain.chain_id:
        raise NetworkMismatch("the change is for another ledger than this one")


async def hand_in(desk: Desk, chain: Chain, draft: Draft, governance: Sequence[bytes], says: Sequence[str]) -> None:
    """The finished frame to the ledger; its receipt, checked. Raises Wrong, and as the ledger judges."""
    frame = draft.finished(governance)
    answer = await desk.ledger.submit_operation(frame, FINAL_WITHIN_S if desk.terminal.flags.wait else 0)
    shown: dict[str, Any] = {"version": draft.version, "effective_height": draft.effective_height, "says": list(says),
                             "op_id": op_id(frame).hex(), "state": answer.state}  # fmt: skip
    if answer.state != "final":
        desk.terminal.show(shown, f"… change {draft.version} is on its way: specie ledger tx {op_id(frame).hex()}")
        return
    receipt = await desk.ledger.receipt(op_id(frame))
    height = verify_operation(chain.trusted, receipt, frame).header.height
    said = "\n  ".join(says)
    head = f"✔ change {draft.version} is final in block {height}, in force from block {draft.effective_height} on"
    desk.terminal.show(shown | {"height": height, "receipt": receipt.hex()}, f"{head}\n  {said}")
