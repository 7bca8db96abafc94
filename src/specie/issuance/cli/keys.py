"""`specie issuance keys`: which keys there are, new ones, old ones, stolen ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from specie.issuance.cli import keysmith
from specie.issuance.cli.office import Office, at_work
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, ROLES, Terminal
from specie.issuance.cli.policies import now_s
from specie.issuance.cli.reading import Wrong, ident_of, write_file
from specie.issuance.messages.keys import KeyEntry, KeyStatus
from specie.issuance.protocol.keyset import may_sign

keys = typer.Typer(
    help="Keys of systems and persons.\n\n"
    "Examples: specie issuance keys list · specie issuance keys rotate --role qc:bit",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Role = Annotated[str, typer.Option(help="Role of the key: is:req, is:unit, cm:cred, qc:bit, qc:kem ...")]
Whose = Annotated[str | None, typer.Option("--system", help="Whose log key; other roles say it themselves.")]
Officers = Annotated[
    list[str] | None, typer.Option("--officer", help="Who admits it; two. Else those whose keys are here.")
]


def state_of(entry: KeyEntry, at_s: int) -> str:
    """In words, at this moment."""
    if entry.status in (KeyStatus.RETIRED, KeyStatus.REVOKED):
        return KeyStatus(entry.status).name.lower()
    if may_sign(entry, at_s):
        return "signs"
    if at_s < entry.nbf:
        return "pending"
    return "verifies" if at_s <= entry.verify_until else "over"


@keys.command("list")
def list_(
    context: typer.Context,
    at: Annotated[str, typer.Option("--at", help="Which system is asked for its manifest.")] = CENTRAL_MANAGEMENT,
) -> None:
    """Every key of the manifest in force, which is verified from the pinned root keys first.

    Examples: specie issuance keys list · specie issuance keys list --at quota-control --json
    """
    terminal: Terminal = context.obj
    if at not in ROLES:
        raise Wrong(f"--at {at}: one of {', '.join(ROLES)}")

    async def work(office: Office) -> None:
        found = await office.read_keys(at)
        moment = now_s(office)
        rows: list[dict[str, Any]] = [
            {
                "key": entry.kid.hex(),
                "role": entry.role,
                "holder": entry.holder,
                "state": state_of(entry, moment),
                "signs_until": datetime.fromtimestamp(entry.signing_until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "title": entry.title or "",
            }
            for entry in found.manifest.entries
        ]
        terminal.note(f"manifest {found.version}, hash {found.hash.hex()}")
        terminal.table(rows, ("key", "role", "holder", "state", "signs_until", "title"))

    at_work(terminal, work)


@keys.command("enrol")
def enrol(
    context: typer.Context,
    role: Role,
    system: Whose = None,
    out: Annotated[Path | None, typer.Option(help="Write the enrolment here, for the officers.")] = None,
) -> None:
    """Make a key in the system's own folder and ask for its admission; two officers approve, root holders enter it.

    Examples: specie issuance keys enrol --role qc:bit --out new.cose · specie issue approve new.cose --as mina
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        fresh = await keysmith.make_key(office, role, system)
        await office.central_management.enrol(fresh.enrolment)
        if out is not None:
            write_file(out, fresh.enrolment)
        terminal.show(
            {
                "key": fresh.kid.hex(),
                "role": role,
                "system": fresh.holder,
                "hash": fresh.hash.hex(),
                "enrolment": fresh.enrolment.hex(),
            },
            f"✔ {fresh.holder} asks for its {role} key {fresh.kid.hex()}; officers approve hash {fresh.hash.hex()}",
        )

    at_work(terminal, work)


@keys.command("deliver")
def deliver(context: typer.Context, role: Role, system: Whose = None) -> None:
    """Let central management make a key: sealed to the component, handed out once, with a receipt (ISSUANCE-2.2.2).

    It still has to be admitted: `keys rotate --deliver` does all of it. Needs the certificate of the component.

    Examples: specie issuance keys deliver --role qc:bit
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        fresh = await keysmith.deliver_key(office, role, system)
        terminal.show(
            {"key": fresh.kid.hex(), "role": role, "system": fresh.holder, "hash": fresh.hash.hex(), "receipt": True},
            f"✔ {fresh.holder} has its {role} key {fresh.kid.hex()} and gave a receipt; officers approve hash"
            f" {fresh.hash.hex()}",
        )

    at_work(terminal, work)


@keys.command("rotate")
def rotate(
    context: typer.Context,
    role: Role,
    system: Whose = None,
    officer: Officers = None,
    in_seconds: Annotated[int | None, typer.Option("--in", min=1, help="Seconds until the new key signs.")] = None,
    deliver: Annotated[bool, typer.Option("--deliver", help="Central management makes the key (2.2 b).")] = False,
) -> None:
    """A new key in place of the one that signs: made, enrolled, admitted, entered, told to all systems.

    Outside the sandbox it signs 24 hours later; the old key verifies on for the life of what it signed.

    Examples: specie issuance keys rotate --role qc:bit · specie issuance keys rotate --role is:unit --deliver
    """
    terminal: Terminal = context.obj
    at_work(
        terminal,
        lambda office: keysmith.rotate(office, terminal, role, system, officer or (), in_seconds, delivered=deliver),
    )


@keys.command("revoke")
def revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Id of the key, in hex.")],
    from_sequence: Annotated[int, typer.Option("--from", min=0, help="Log position from which it is not believed.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "compromised",
) -> None:
    """Take a key out of force: what it signed stands only before a position of its system's log (ISSUANCE-12.2).

    Examples: specie issuance keys revoke KEY --from 1200 --reason "laptop stolen" --yes
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: keysmith.revoke(office, terminal, ident_of(key), from_sequence, reason))
