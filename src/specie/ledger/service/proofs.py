"""Proofs for light clients, and a convenience that judges payment proofs (LEDGER §21.5)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import get, post
from litestar.openapi.spec import Operation
from litestar.params import FromPath

from specie.kernel.errors import Refused
from specie.ledger.api import Ledger
from specie.ledger.errors import NonCanonical
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.proofs import PROOF_MAGIC, ProofKind
from specie.ledger.messages.views import (
    ConsistencyProof,
    KeyImageProof,
    OutputProof,
    ProofQuestion,
    StateEntry,
    Verified,
)
from specie.ledger.protocol.light import Trusted
from specie.ledger.protocol.light_proofs import verify_payment, verify_receive, verify_reserve
from specie.ledger.service.answering import (
    JSON,
    OCTETS,
    Answered,
    From,
    Height,
    Http,
    To,
    body_of,
    encode,
    fixed,
    json_of,
    moving,
    place,
    shown,
    unhex,
)
from specie.ledger.service.chain import answer_entry

PROOF_BYTES_MAX = 1_048_576
_IDENT_BYTES_MAX = 255
_DOMAIN_MAX = 255

_question = msgspec.json.Decoder(ProofQuestion)


def proof_routes(ledger: Ledger) -> list[Any]:
    """All of §21.5 but receipts, which §21.2 has too."""
    return [*log_routes(ledger), *state_routes(ledger), verify_route(ledger)]


# SPEC LEDGER-21.5.1
def log_routes(ledger: Ledger) -> list[Any]:
    """The output log: inclusion and growth, for every height."""

    @get("/ledger/proofs/outputs/{index:int}", responses=json_of(OutputProof, "the path to out_root"))
    async def get_output_proof(request: Http, index: FromPath[int], height: Height = None) -> Answered:
        """That an output stands under the out_root of a height; without one, of the tip."""
        body = encode(await ledger.prove_output(place(index), height))
        return moving(body, JSON) if height is None else fixed(request, body, JSON)

    @get("/ledger/proofs/consistency", responses=json_of(ConsistencyProof, "the consistency path"))
    async def get_consistency(request: Http, first: From, last: To) -> Answered:
        """That the output log of height `from` is a beginning of that of height `to`."""
        path = [each.hex() for each in await ledger.prove_consistency(first, last)]
        return fixed(request, encode(ConsistencyProof(from_=first, to=last, path=path)), JSON)

    return [get_output_proof, get_consistency]


def state_routes(ledger: Ledger) -> list[Any]:
    """The two sparse trees, for the last ANCHOR_WINDOW heights."""

    @get("/ledger/proofs/key-images/{image:str}", responses=json_of(KeyImageProof, "spent or unspent, proven"))
    async def get_key_image_proof(request: Http, image: FromPath[str], height: Height = None) -> Answered:
        """That a key image is in the set, or is not."""
        body = encode(await ledger.prove_key_image(unhex(image), height))
        return moving(body, JSON) if height is None else fixed(request, body, JSON)

    @get(
        "/ledger/proofs/state/{domain:int}/{ident:str}",
        responses=json_of(StateEntry, "the entry or its absence, proven; octets `PLQ2` on Accept"),
    )
    async def get_state_proof(
        request: Http, domain: FromPath[int], ident: FromPath[str], height: Height = None
    ) -> Answered:
        """Any entry of the state tree, by domain and id in hexadecimal; `-` is the empty id."""
        wanted = b"" if ident == "-" else unhex(ident, min(len(ident) // 2, _IDENT_BYTES_MAX))
        if not 0 <= domain <= _DOMAIN_MAX:
            raise NonCanonical("a domain is below 256")
        return await answer_entry(ledger, request, domain, wanted, height)

    return [get_key_image_proof, get_state_proof]


@dataclass
class ProofOperation(Operation):
    """For the OpenAPI document: a proof in octets or in JSON."""

    def __post_init__(self) -> None:
        body = body_of(OCTETS, "the proof")
        body.content |= body_of(JSON, '`{"proof", "challenge", "mint_id"}`').content
        self.request_body = body


def judge(trusted: Trusted, asked: ProofQuestion) -> Verified:
    """What a light client would think of a proof. Slow: it is the pure verifier that runs here."""
    try:
        data, challenge = unhex(asked.proof, len(asked.proof) // 2), bytes.fromhex(asked.challenge)
        mint_id = None if asked.mint_id is None else unhex(asked.mint_id)
        kind = data[len(PROOF_MAGIC) : len(PROOF_MAGIC) + 1]
        if kind == bytes([ProofKind.PAYMENT]):
            verify_payment(trusted, data, mint_id)
        elif kind == bytes([ProofKind.RECEIVE]):
            verify_receive(trusted, data, challenge, mint_id)
        elif kind == bytes([ProofKind.RESERVE]):
            verify_reserve(trusted, data, challenge)
        else:
            return Verified(ok=False, reason="this is no payment, receive or reserve proof")
    except Refused as error:
        return Verified(ok=False, reason=str(error))
    except ValueError:
        return Verified(ok=False, reason="a challenge is written in hexadecimal")
    return Verified(ok=True)


def verify_route(ledger: Ledger) -> Any:
    """`POST /v1/ledger/proofs/verify`"""

    # SPEC LEDGER-13.2
    @post(
        "/ledger/proofs/verify",
        status_code=200,
        request_max_body_size=PROOF_BYTES_MAX,
        operation_class=ProofOperation,
        responses=json_of(Verified, "what this node thinks of it"),
    )
    async def post_verify(request: Http) -> Answered:
        """Judge a payment, receive or reserve proof; convenience only, since it asks you to believe this node.

        Octets: the proof; its challenge in `?challenge=` and, of an output that a mint made, `?mint_id=`, both in
        hexadecimal. JSON: `{"proof", "challenge", "mint_id"}`.
        """
        body = await request.body()
        if request.headers.get("content-type", "").split(";", 1)[0].strip() == OCTETS:
            query = request.query_params
            asked = ProofQuestion(
                proof=body.hex(), challenge=query.get("challenge", ""), mint_id=query.get("mint_id") or None
            )
        else:
            try:
                asked = _question.decode(body)
            except msgspec.DecodeError as error:
                raise NonCanonical('a proof in JSON is {"proof": …, "challenge": …}') from error
        trusted = Trusted.of(Genesis.decode(await ledger.genesis()))
        return shown(await asyncio.to_thread(judge, trusted, asked))

    return post_verify
