"""Handing units back: their owner signs, the receipt is checked before it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from specie.issuance.api import Parcel
from specie.issuance.cli.deciding import signer
from specie.issuance.cli.errors import WrongState
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import Terminal
from specie.issuance.cli.reading import Wrong, ident_of, object_of, write_file
from specie.issuance.cli.watching import issue_id
from specie.issuance.errors import WrongType
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Redemption, Unit
from specie.issuance.protocol.envelope import open_one, read_unverified
from specie.issuance.wallet.officer import approve
from specie.issuance.wallet.owner import redemption_request

OFFICERS_TO_DESTROY = 2
SUMS_MAX = 20_000
"""So many sums are tried before a choice of units is given up."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    files: tuple[Path, ...]
    to: str
    of_issue: str | None
    amount: str | None
    destroy: bool
    officers: tuple[str, ...]
    receipt: Path | None


def check_wish(wish: Wish) -> None:
    """Raises Wrong for what does not fit together."""
    if bool(wish.files) == (wish.of_issue is not None):
        raise Wrong("either unit files or --issue ID")
    if wish.amount is not None and wish.of_issue is None:
        raise Wrong("--amount goes with --issue; a unit is redeemed whole")
    if wish.destroy == bool(wish.to):
        raise Wrong("either --to BENEFICIARY or --destroy")
    if bool(wish.officers) != wish.destroy or (wish.destroy and len(wish.officers) < OFFICERS_TO_DESTROY):
        raise Wrong("--destroy needs --officer twice, and nothing else does")


# SPEC ISSUANCE-14.1, ISSUANCE-14.6
async def redeem(office: Office, terminal: Terminal, wish: Wish) -> None:
    """Choose units, sign, send, check the receipt."""
    check_wish(wish)
    hand = signer(office, terminal)
    officers = [office.place.hand(name) for name in wish.officers]
    await office.read_policy()
    units = await units_of_issue(office, wish, await hand.kid()) if wish.of_issue else units_of_files(wish.files)
    code, total = units[0].body.currency, sum(unit.body.value for unit in units)
    said = f"{office.words(total, code)} in {len(units)} units"
    if terminal.flags.dry_run:
        terminal.show({"amount": office.plain(total, code), "units": len(units)}, f"would redeem {said}")
        return
    if wish.destroy:
        terminal.confirm(f"Destroy {said}?")
    request = await redemption_request(hand, [unit.data for unit in units], wish.to)
    approvals = tuple([await approve(officer, request, 0) for officer in officers])
    answer = await office.issuance.redeem(Parcel(request, await hand.cose_key(), (), approvals))
    keys = await office.read_keys()
    receipt = open_one(answer, Redemption, keys, lambda kid: keys.entry(kid, ("qc:bit",)))
    if wish.receipt is not None:
        write_file(wish.receipt, answer)
    terminal.show(
        {
            "amount": {"currency": code, "value": office.plain(receipt.body.amount, code)},
            "units": [unit.claims.cti.hex() for unit in units],
            "beneficiary": wish.to,
            "destroyed": wish.destroy,
            "receipt": answer.hex(),
            "receipt_hash": receipt.hash.hex(),
            "sequence": receipt.body.sequence,
        },
        f"✔ {office.words(receipt.body.amount, code)} {'destroyed' if wish.destroy else 'redeemed'}: receipt of"
        f" {receipt.claims.iss}, hash {receipt.hash.hex()[:16]}, log position {receipt.body.sequence}",
    )


def units_of_files(files: tuple[Path, ...]) -> list[Signed[Unit]]:
    """Raises Malformed, WrongType, Schema."""
    units = []
    for path in files:
        data, shown = object_of(path)
        if shown["typ"] != Unit.typ:
            raise WrongType(f"{path} holds {shown['typ']}, not a unit")
        units.append(read_unverified(data, Unit))
    currencies = {(unit.body.currency, unit.claims.iss) for unit in units}
    if len(currencies) > 1:
        raise Wrong("one redemption is of one currency and one issuance system")
    return units


async def units_of_issue(office: Office, wish: Wish, owner: bytes) -> list[Signed[Unit]]:
    """The units of an issue that its owner still has, of a sum if one is named. Raises WrongState, UnknownRequest."""
    assert wish.of_issue is not None
    ident = await issue_id(office, ident_of(wish.of_issue))
    mine = []
    for data in await office.issuance.units(ident):
        unit = read_unverified(data, Unit)
        _, state = await office.issuance.unit(unit.claims.cti)
        if state == "active" and unit.body.owner == owner:
            mine.append(unit)
    if not mine:
        raise WrongState("this person has no units of this issue that can be redeemed", state="none")
    if wish.amount is None:
        return mine
    return choose(mine, office.parse(wish.amount, mine[0].body.currency))


def choose(units: list[Signed[Unit]], total: int) -> list[Signed[Unit]]:
    """Units that add up exactly: the largest that fits, each time; else by trying. Raises WrongState."""
    ways: dict[int, tuple[int, ...]] = {0: ()}
    for place, unit in enumerate(sorted(units, key=lambda each: -each.body.value)):
        for sum_, chosen in list(ways.items()):
            new = sum_ + unit.body.value
            if new <= total and new not in ways:
                ways[new] = (*chosen, place)
        if total in ways or len(ways) > SUMS_MAX:
            break
    if total not in ways or not total:
        raise WrongState("no units add up to this sum; a unit is redeemed whole", state="active")
    ordered = sorted(units, key=lambda each: -each.body.value)
    return [ordered[place] for place in ways[total]]
