"""The state of the chain: status, headers, epochs, parameters, decoys, supply, entries (LEDGER §21.3)."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import get
from litestar.params import FromPath, QueryParameter

from specie.ledger.api import Ledger
from specie.ledger.errors import NonCanonical, Unknown
from specie.ledger.messages.state import Domain, anchor_ident
from specie.ledger.messages.views import (
    DecoyLaw,
    EpochKeyView,
    HeaderItems,
    HeaderView,
    Params,
    StateEntry,
    Status,
    Supply,
    header_view,
)
from specie.ledger.service.answering import (
    JSON,
    OCTETS,
    Answer,
    Answered,
    From,
    Height,
    Http,
    accepts,
    encode,
    fixed,
    json_of,
    moving,
    octets,
    place,
    shown,
    unhex,
)

HEADERS_MAX = 1000
_SOURCE_BYTES_MAX = 64
_KID_BYTES = 16

Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=HEADERS_MAX)]


class Units:
    """Currency and digits of the chain; asked for once, since they never change."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: tuple[str, int] | None = None

    async def __call__(self) -> tuple[str, int]:
        """(currency, scale)"""
        if self._known is None:
            status = await self._ledger.status()
            self._known = status.currency, status.scale
        return self._known


def chain_routes(ledger: Ledger) -> list[Any]:
    """All of §21.3."""
    return [*header_routes(ledger), *rule_routes(ledger), *entry_routes(ledger)]


def header_routes(ledger: Ledger) -> list[Any]:
    """Status, genesis, headers."""
    units = Units(ledger)

    # SPEC LEDGER-1.2
    @get("/ledger/status", responses=json_of(Status, "the chain and this node at a glance"))
    async def get_status() -> Answered:
        """The chain, this node of it, and whether its enclaves are simulated."""
        return shown(await ledger.status())

    @get("/ledger/genesis", responses=octets("the genesis document, deterministic CBOR"))
    async def get_genesis(request: Http) -> Answered:
        """The genesis document; its hash is the chain id."""
        return fixed(request, await ledger.genesis())

    @get("/ledger/headers", responses=json_of(HeaderItems, "headers; octets header + finality each on Accept"))
    async def get_headers(request: Http, first: From = 0, limit: Limit = 100) -> Answered:
        """Headers from a height on, at most 1000. A full page never changes and has a link to the next."""
        found = await ledger.headers(first, limit)
        is_full = len(found) == limit
        links = []
        if is_full:
            target = f"{request.url.path}?from={first + limit}&limit={limit}"
            links.append((b"link", f'<{target}>; rel="next"'.encode()))
        if accepts(request, OCTETS):
            body, media_type = b"".join(header + finality for header, finality in found), OCTETS
        else:
            currency, scale = await units()
            views = [header_view(header, finality, currency, scale) for header, finality in found]
            body, media_type = encode(HeaderItems(views)), JSON
        return fixed(request, body, media_type, links) if is_full else moving(body, media_type)

    @get("/ledger/headers/{height:int}", responses=json_of(HeaderView, "the header"))
    async def get_header(request: Http, height: FromPath[int]) -> Answered:
        """One header with its finality."""
        found = await ledger.headers(place(height), 1)
        if not found:
            raise Unknown("there is no block of that height yet")
        if accepts(request, OCTETS):
            return fixed(request, b"".join(found[0]))
        currency, scale = await units()
        return fixed(request, encode(header_view(*found[0], currency, scale)), JSON)

    return [get_status, get_genesis, get_headers, get_header]


def rule_routes(ledger: Ledger) -> list[Any]:
    """Epochs, parameters, the decoy law."""

    @get("/ledger/epoch", responses=json_of(EpochKeyView, "the newest epoch that is live"))
    async def get_epoch() -> Answered:
        """The key that envelopes are sealed to now, with its certificate."""
        return shown(await ledger.epoch())

    @get("/ledger/epochs/{number:int}", responses=json_of(EpochKeyView, "the epoch"))
    async def get_epoch_of(request: Http, number: FromPath[int]) -> Answered:
        """One epoch's key, with its certificate."""
        return fixed(request, encode(await ledger.epoch(place(number))), JSON)

    @get("/ledger/params", responses=json_of(Params, "the parameters in force"))
    async def get_params() -> Answered:
        """The parameters in force."""
        return shown(await ledger.parameters())

    @get("/ledger/params/{version:int}", responses=json_of(Params, "that version"))
    async def get_params_of(request: Http, version: FromPath[int]) -> Answered:
        """One version of the parameters, with the change that made it."""
        return fixed(request, encode(await ledger.parameters(place(version))), JSON)

    @get("/ledger/decoys", responses=json_of(DecoyLaw, "the decoy law"))
    async def get_decoys() -> Answered:
        """How the ages of decoys are drawn, and how many outputs there are in a second."""
        return shown(await ledger.decoys())

    return [get_epoch, get_epoch_of, get_params, get_params_of, get_decoys]


async def answer_entry(ledger: Ledger, request: Http, domain: int, ident: bytes, height: int | None) -> Answer:
    """An entry of the state tree as JSON, or as a state receipt `PLQ2` where octets are asked for."""
    if accepts(request, OCTETS):
        receipt = await ledger.state_receipt(domain, ident, height)
        return moving(receipt) if height is None else fixed(request, receipt)
    body = encode(await ledger.state_entry(domain, ident, height))
    return moving(body, JSON) if height is None else fixed(request, body, JSON)


def entry_routes(ledger: Ledger) -> list[Any]:
    """Supply, and the entries that have doors of their own."""
    entry = json_of(StateEntry, "the entry or its absence, proven; octets `PLQ2` on Accept")

    @get("/ledger/supply", responses=json_of(Supply, "the money of this ledger"))
    async def get_supply(request: Http, height: Height = None) -> Answered:
        """What was minted and burned, and where it is, with a state proof."""
        supply = await ledger.supply(height)
        return shown(supply) if height is None else fixed(request, encode(supply), JSON)

    @get("/ledger/mints/{mint_id:str}", responses=entry)
    async def get_mint(request: Http, mint_id: FromPath[str], height: Height = None) -> Answered:
        """A mint, by its unit root."""
        return await answer_entry(ledger, request, Domain.MINT, unhex(mint_id), height)

    @get("/ledger/withdrawals/{ref:str}", responses=entry)
    async def get_withdrawal(request: Http, ref: FromPath[str], height: Height = None) -> Answered:
        """A withdrawal, by its reference."""
        return await answer_entry(ledger, request, Domain.WITHDRAWAL, unhex(ref), height)

    @get("/ledger/escrows/{cid:str}", responses=entry)
    async def get_escrow(request: Http, cid: FromPath[str], height: Height = None) -> Answered:
        """An escrow, by its channel id."""
        return await answer_entry(ledger, request, Domain.ESCROW, unhex(cid), height)

    @get("/ledger/anchors/{topic:int}/{source:str}", responses=entry)
    async def get_anchor(request: Http, topic: FromPath[int], source: FromPath[str], height: Height = None) -> Answered:
        """The newest anchor of a source in a topic."""
        if not 0 <= topic <= 0xFFFF or not source.isascii() or not 1 <= len(source) <= _SOURCE_BYTES_MAX:
            raise NonCanonical("a topic is below 65536, a source has 1 to 64 ASCII characters")
        return await answer_entry(ledger, request, Domain.ANCHOR, anchor_ident(topic, source), height)

    @get("/ledger/authorities/{kid:str}", responses=entry)
    async def get_authority(request: Http, kid: FromPath[str], height: Height = None) -> Answered:
        """A key that the ledger believes, by its id."""
        return await answer_entry(ledger, request, Domain.AUTHORITY, unhex(kid, _KID_BYTES), height)

    return [get_supply, get_mint, get_withdrawal, get_escrow, get_anchor, get_authority]
