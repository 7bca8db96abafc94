"""Keys, genesis, control bits and signed frames for tests: all well formed, each part can be spoiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from specie.crypto import cose, merkle, ring, transactions, units
from specie.crypto.ed25519 import SigningKey
from specie.issuance.messages.claims import Claims, payload_of
from specie.issuance.messages.objects import Cancel, ControlBit
from specie.kernel import codec
from specie.ledger.messages.address import Address, Network
from specie.ledger.messages.authority import BIP340, AuthorityEntry, Role
from specie.ledger.messages.binary import put_u8, put_u64
from specie.ledger.messages.bodies import (
    Anchor,
    EpochKeyOp,
    LeafProof,
    Mint,
    MintCancel,
    ParameterChange,
    WithdrawPaid,
    WithdrawRefund,
    mint_head,
)
from specie.ledger.messages.frames import Frame, OpType, frame_head, op_signature_input
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.hashing import GROUP_ORDER, hash_scalar
from specie.ledger.messages.outputs import OUTPUT_BYTES, Output
from specie.ledger.messages.parameters import (
    AdmittedEnclave,
    AuthorityUpdate,
    Enclaves,
    Parameter,
    encode_changes,
)

CURRENCY = "XTS"
START_S = 1_790_000_000
YEAR_S = 365 * 86_400
QC, IS, BANK, KMS = "qc", "is:bank-01", "bank:one", "kms:one"
FEE_ADDRESS_SEED, OWNER_SEED = b"fees", b"owner"
MEASUREMENT = sha256(b"measurement").digest()
DENOMINATIONS = ((1000, 2), (500, 1))


@cache
def key(name: str) -> SigningKey:
    """The Ed25519 key of this name."""
    return SigningKey.from_seed(sha256(b"ledger-test-key/" + name.encode()).digest())


def kid(name: str) -> bytes:
    """The id of a key."""
    return sha256(b"kid" + key(name).public()).digest()[:16]


def entry(name: str, role: Role, system: str, **changes: Any) -> AuthorityEntry:
    """A key of the authority table, in force from the start on for two years, believed for three."""
    found = AuthorityEntry(
        kid(name), role, system, key(name).public(), START_S, START_S + 2 * YEAR_S, START_S + 3 * YEAR_S
    )  # fmt: skip
    return replace(found, **changes)


def channel_entry(public: bytes, system: str = BANK) -> AuthorityEntry:
    """A bank's key for channel grants (BIP-340); its kid is made of the key."""
    found = entry("channel", Role.BANK_CHANNEL, system, alg=BIP340, key=public)
    return replace(found, kid=sha256(b"kid" + public).digest()[:16])


def authorities() -> tuple[AuthorityEntry, ...]:
    """Every role once, and a second bank."""
    found = [
        entry("qc:bit", Role.QUOTA_CONTROL, QC),
        entry("is:unit", Role.ISSUANCE, IS),
        entry("bank", Role.BANK_WITHDRAWAL, BANK),
        entry("bank-02", Role.BANK_WITHDRAWAL, "bank:two"),
        entry("qc:log", Role.ANCHOR, QC, topic=5),
        entry("kms:audit", Role.ANCHOR, KMS, topic=3),
        entry("supervisor", Role.SUPERVISOR, "supervisor"),
    ]
    return tuple(sorted(found, key=lambda each: each.kid))


def address(seed: bytes, net: Network = Network.DEV) -> Address:
    """An address whose keys are points that nobody has the secrets of."""
    points = [ring.pl1_point("gen/P", [seed, put_u8(number)]) for number in range(3)]
    return Address(net, *points)


def genesis(**changes: Any) -> Genesis:
    """A dev chain with one validator, three governance keys and one enclave."""
    enclave = AdmittedEnclave(0, key("enclave").public(), MEASUREMENT, bytes(32))
    found = Genesis(
        CURRENCY, 2, True, START_S, "embedded", (key("validator").public(),),
        tuple(key(f"governance-{number}").public() for number in range(3)),
        {Parameter.FEE_ADDRESS: address(FEE_ADDRESS_SEED).pay}, authorities(), bytes(32),
        Enclaves((MEASUREMENT,), (enclave,)),
    )  # fmt: skip
    return replace(found, **changes)


def sign_object(name: str, claims: Claims, body: Any) -> bytes:
    """A COSE_Sign1 of issuance."""
    payload = payload_of(claims, body)
    signature = key(name).sign(cose.to_be_signed(body.typ, kid(name), payload))
    return cose.assemble_sign1(body.typ, kid(name), payload, signature)


def control_bit(
    number: int = 1,
    *,
    signer: str = "qc:bit",
    claims: dict[str, Any] | None = None,
    denominations: tuple[tuple[int, int], ...] = DENOMINATIONS,
    owner: bytes | None = None,
    **body: Any,
) -> tuple[bytes, Claims, ControlBit]:
    """The object, its claims and its body; `number` makes its ids."""
    credential = sha256(b"credential" + put_u64(number)).digest()[:16]
    owner = owner or address(OWNER_SEED).owner
    root, count = units.root(credential, CURRENCY, owner, denominations)
    found = ControlBit(
        credential, bytes(32), CURRENCY, sum(value * each for value, each in denominations), 0,
        sha256(owner).digest(), root, count, number,
    )  # fmt: skip
    cti = sha256(b"bit" + put_u64(number)).digest()[:16]
    header = Claims(QC, START_S + 2, cti, IS, START_S + 1202)
    found, header = replace(found, **body), replace(header, **(claims or {}))
    return sign_object(signer, header, found), header, found


def sign_op(name: str, prefix: bytes) -> bytes:
    """An [op] signature over the frame bytes before it."""
    return key(name).sign(op_signature_input(prefix))


def signed_frame(
    kind: OpType, chain_id: bytes, body: Any, signer: str | None, expiry: int = 1000
) -> Frame:  # fmt: skip
    """A frame whose body ends in one [op] signature."""
    frame = Frame.of(kind, chain_id, expiry, body.encode())
    if signer is None:
        return frame
    signature = sign_op(signer, frame.data[:-64])
    return Frame.of(kind, chain_id, expiry, frame.body[:-64] + signature)


def mint(
    chain_id: bytes,
    number: int = 1,
    *,
    expiry: int = 1000,
    issuer: str = "is:unit",
    value: int | None = None,
    owner: bytes | None = None,
    log_proof: bytes = b"",
    spoil: Callable[[Mint], Mint] = lambda mint: mint,
    bit: bytes | None = None,
    mint_id: bytes | None = None,
    denominations: tuple[tuple[int, int], ...] = DENOMINATIONS,
    entropy: bytes = b"",
) -> Frame:
    """A mint of a control bit. `spoil` changes it before the issuer signs."""
    made, _, body = control_bit(number, denominations=denominations)
    payee = address(OWNER_SEED)
    total = body.amount if value is None else value
    head = mint_head(made if bit is None else bit, owner or payee.owner, denominations, log_proof, total)
    size = len(head) + transactions.mint_size(2) + 80
    start = frame_head(OpType.MINT, chain_id, expiry, size) + head
    values = [total - total // 3, total // 3]
    random = sha256(entropy + start).digest() * 2
    tail = transactions.build_mint(start, chain_id, mint_id or body.unit_root, payee.pay, values, random)
    found = spoil(Mint.decode(head + tail + kid(issuer) + bytes(64)))
    return signed_frame(OpType.MINT, chain_id, found, issuer, expiry)


def cancel(chain_id: bytes, number: int = 1, *, signer: str = "is:unit", **changes: Any) -> Frame:
    """A cancel of a control bit."""
    bit, claims, body = control_bit(number)
    named = {"bit_cti": claims.cti, "unit_root": body.unit_root} | changes
    issuer = named.pop("iss", IS)
    made = sign_object(signer, Claims(issuer, START_S + 9, bytes(16), QC), Cancel(**named))
    return Frame.of(OpType.MINT_CANCEL, chain_id, 1000, MintCancel(bit, made).encode())


def log_of(bit: bytes, position: int = 4, size: int = 9) -> tuple[LeafProof, bytes]:
    """A log of quota control that holds this bit: the proof of its leaf, and the root."""
    bodies = [_leaf(at + 1, sha256(b"other" + put_u8(at)).digest()) for at in range(size)]
    bodies[position] = _leaf(position + 1, sha256(cose.parse_sign1(bit).tbs).digest())
    leaves = [merkle.leaf_hash(body) for body in bodies]
    path = tuple(merkle.inclusion_proof(leaves, position))
    return LeafProof(size, position, bodies[position], path), merkle.root(leaves)


def _leaf(sequence: int, object_hash: bytes) -> bytes:
    return codec.encode({1: sequence, 2: START_S, 3: "bit", 4: object_hash, 5: bytes(32), 6: bytes(16)})


def paid(
    chain_id: bytes, ref: bytes, token: bytes, *, signer: str = "bank", outcome: int = 1, bank: str = BANK
) -> Frame:
    """WITHDRAW_PAID."""
    body = WithdrawPaid(ref, bank, token, outcome, bytes(32), kid(signer), bytes(64))
    return signed_frame(OpType.WITHDRAW_PAID, chain_id, body, signer)


def refund(
    chain_id: bytes, ref: bytes, token: bytes = bytes(32), *, cause: int = 1, signer: str = "bank", bank: str = BANK
) -> Frame:
    """WITHDRAW_REFUND."""
    if cause == 2:
        late = WithdrawRefund(ref, 2, "", bytes(32), bytes(16), bytes(64))
        return signed_frame(OpType.WITHDRAW_REFUND, chain_id, late, None)
    body = WithdrawRefund(ref, cause, bank, token, kid(signer), bytes(64))
    return signed_frame(OpType.WITHDRAW_REFUND, chain_id, body, signer)


def anchor(
    chain_id: bytes,
    sequence: int,
    size: int,
    root: bytes = bytes(32),
    *,
    topic: int = 5,
    source: str = QC,
    signer: str = "qc:log",
) -> Frame:
    """ANCHOR."""
    body = Anchor(topic, source, sequence, size, root, kid(signer), bytes(64))
    return signed_frame(OpType.ANCHOR, chain_id, body, signer)


def cosigned(kind: OpType, chain_id: bytes, body: Any, signers: dict[int, str], expiry: int = 1000) -> Frame:
    """A frame that ends in signatures by index. A name is a key; the bytes before n_sig are signed."""
    blank = replace(body, signatures=tuple((index, bytes(64)) for index in sorted(signers)))
    frame = Frame.of(kind, chain_id, expiry, blank.encode())
    prefix = blank.signed_part(frame)
    signatures = tuple((index, sign_op(signers[index], prefix)) for index in sorted(signers))
    return Frame.of(kind, chain_id, expiry, replace(body, signatures=signatures).encode())


def change(
    chain_id: bytes,
    version: int,
    effective_height: int,
    changes: dict[int, Any] | bytes,
    *,
    previous: bytes = bytes(32),
    signers: tuple[int, ...] = (0, 1),
    expiry: int = 1000,
) -> Frame:
    """PARAMETERS, signed by governance keys of these indices."""
    data = changes if isinstance(changes, bytes) else encode_changes(changes)
    body = ParameterChange(version, previous, effective_height, data, ())
    names = {index: f"governance-{index}" for index in signers}
    return cosigned(OpType.PARAMETERS, chain_id, body, names, expiry)


def set_keys(*entries: AuthorityEntry) -> dict[int, Any]:
    """A change that sets entries of the authority table."""
    ordered = tuple(sorted(entries, key=lambda each: each.kid))
    return {Parameter.AUTHORITY: AuthorityUpdate(2, bytes(32), ordered)}


def epoch_key(chain_id: bytes, epoch: int, start: int, end: int, **options: Any) -> Frame:
    """EPOCH_KEY, by the one enclave; options: public_key, ratchet_commit, signers, expiry."""
    signers = options.pop("signers", {0: "enclave"})
    expiry = options.pop("expiry", 1000)
    public = options.pop("public_key", sha256(b"epoch" + put_u64(epoch)).digest())
    ratchet = options.pop("ratchet_commit", bytes(32))
    body = EpochKeyOp(epoch, 1, public, ratchet, start, end, ())
    return cosigned(OpType.EPOCH_KEY, chain_id, body, signers, expiry)


def hand_made_mint(chain_id: bytes, number: int = 1, range_proof: bytes = bytes(641)) -> Frame:
    """A mint whose kernel holds, made from the formulas alone: any range proof can stand in it."""
    bit, _, body = control_bit(number)
    masks = [int.from_bytes(hash_scalar("mask", put_u8(at)), "little") for at in range(2)]
    excess = sum(masks) % GROUP_ORDER
    outputs = []
    for at, (mask, value) in enumerate(zip(masks, (body.amount - 1, 1), strict=True)):
        points = [ring.pl1_point(tag, [put_u8(at), put_u64(number)]) for tag in ("gen/P", "gen/R")]
        commitment = ring.commit(value, mask.to_bytes(32, "little"))
        outputs.append(Output((points[0] + commitment + points[1]).ljust(OUTPUT_BYTES, b"\0")))
    kernel = ring.commit(0, excess.to_bytes(32, "little"))
    blank = Mint(
        bit, address(OWNER_SEED).owner, DENOMINATIONS, b"", body.amount,
        tuple(sorted(outputs, key=lambda output: output.R)), kernel, range_proof, bytes(64), kid("is:unit"), bytes(64),
    )  # fmt: skip
    core = blank.core(Frame.of(OpType.MINT, chain_id, 1000, blank.encode()))
    nonce = int.from_bytes(hash_scalar("mint/nonce", core), "little")
    point = ring.commit(0, nonce.to_bytes(32, "little"))
    challenge = int.from_bytes(hash_scalar("mint/kernel", point, kernel, core), "little")
    answer = (nonce + challenge * excess) % GROUP_ORDER
    proven = replace(blank, kernel_proof=point + answer.to_bytes(32, "little"))
    return signed_frame(OpType.MINT, chain_id, proven, "is:unit")
