"""`specie issuance trace`: one issue, drawn as the six steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from specie.issuance.cli.errors import ProofFailed
from specie.issuance.cli.gathering import Case, Piece, gather
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import QUOTA_CONTROL, Terminal
from specie.issuance.cli.reading import ident_of

TITLES = {
    1: "request",
    2: "validation",
    3: "credential",
    4: "presentation",
    5: "control bit",
    6: "issue",
    7: "afterwards",
}
UNITS_SHOWN = 3


async def trace(office: Office, terminal: Terminal, text: str) -> None:
    """Gather, verify, draw. Raises UnknownRequest; ProofFailed where a signature does not hold."""
    await office.read_policy(QUOTA_CONTROL)
    case = await gather(office, ident_of(text))
    terminal.show(as_json(case), "\n".join(drawn(case)))
    if not case.verified:
        bad = next(piece for piece in case.pieces if piece.fault)
        raise ProofFailed(f"the {bad.name} {bad.cti.hex()} does not verify: {bad.fault}")


def as_json(case: Case) -> dict[str, Any]:
    return {
        "verified": case.verified,
        "steps": [piece.to_json() for piece in case.pieces],
        "other_leaves": [
            {"system": system, "sequence": each.sequence, "event": each.event, "at": each.at_s}
            for system, each in case.bare
        ],
    }


def drawn(case: Case) -> list[str]:
    """The six steps from top to bottom, each with its objects and their places in the logs."""
    lines = []
    for step, title in TITLES.items():
        pieces = [piece for piece in case.pieces if piece.step == step]
        if not pieces:
            if step < 7:
                lines += [f" {step} {title:<13} –", "   │"]
            continue
        units = [piece for piece in pieces if piece.typ == "dc-unit"]
        others = [piece for piece in pieces if piece.typ != "dc-unit"]
        shown = [one(piece) for piece in units[:UNITS_SHOWN]]
        if len(units) > UNITS_SHOWN:
            bad = sum(1 for piece in units if piece.fault)
            shown.append(f"… {len(units)} units, {len(units) - bad} verify")
        shown += [one(piece) for piece in others]
        lines += [
            f" {step if step < 7 and place == 0 else ' '} {title if place == 0 else '':<13} {text}"
            for place, text in enumerate(shown)
        ]
        if step < 6:
            lines.append("   │")
    return lines


def one(piece: Piece) -> str:
    """One object in a line."""
    at = datetime.fromtimestamp(piece.at_s, UTC).strftime("%H:%M:%S")
    places = ", ".join(f"{system} #{place} {event}" for system, (place, event) in sorted(piece.leaves.items()))
    mark = f"✘ {piece.fault}" if piece.fault else "✔"
    said = f"{piece.typ:<9} {piece.iss:<6} {at}  id {piece.cti.hex()}  key {piece.kid.hex()[:8]}"
    return f"{mark} {said}  hash {piece.hash.hex()[:12]}" + (f"  log {places}" if places else "")
