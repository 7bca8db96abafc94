"""A small chain made by the oracle alone: start outputs, a mint, transfers, a withdrawal with its refund, an escrow.

Nobody signs rings or control bits here: the chain holds what the public sees, and that is consistent.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from oracle.issuance import cbor, merkle
from oracle.ledger import blocks, ristretto, sparse
from oracle.ledger import outputs as out
from oracle.ledger.blocks import Carried, Header, Proof, PublicOutput, Record
from oracle.ledger.equation import Supply
from oracle.ledger.hashes import VALUE_BASE, commit, h32, sha, u8, u16, u32, u64
from oracle.ledger.proofs import schnorr_sign
from oracle.ledger.ristretto import L, encode

VALIDATOR = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


def genesis_document(provider: str = "embedded") -> bytes:
    """A document with the fields of section 8.6, small where the tests do not look."""
    keys = [VALIDATOR.public_key().public_bytes_raw()]
    fields = {1: 1, 2: "XTS", 3: 2, 4: True, 5: 1_700_000_000, 6: provider, 7: keys, 8: keys, 9: {1: 16}}
    return cbor.encode(fields | {10: [], 11: b"\x0b" * 32, 12: {}})


@dataclass
class Sent:
    """An output made here, and what its owner knows."""

    output: out.Fields
    address: out.Address
    value: int
    mask: int
    n: bytes
    index: int = -1


@dataclass
class Draft:
    """A block that is being filled."""

    record: Record
    proofs: list[Proof] = field(default_factory=list)
    pseudo: list[ristretto.Point] = field(default_factory=list)
    pending: list[tuple[list[bytes], bytes]] = field(default_factory=list)


class Chain:
    """Blocks one after another."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.genesis = genesis_document()
        self.id = h32("chain", self.genesis)
        self.headers: list[Header] = []
        self.finalities: list[bytes] = []
        self.records: list[bytes] = []
        self.segments: list[bytes] = []
        self.entries: list[tuple[int, int, bytes]] = []
        self.images: dict[bytes, int] = {}
        self.state: dict[tuple[int, bytes], bytes] = {}
        self.supply = Supply()
        self.open: dict[bytes, int] = {}
        self.stubs: dict[bytes, tuple[int, out.Fields]] = {}
        self.alice, self.bob = out.Keys(b"alice".ljust(32)), out.Keys(b"bob".ljust(32))
        starts = [
            PublicOutput(out.START, c, bytes(32), out.start_output(self.id, c, k).data)
            for c in (0, 1)
            for k in range(64)
        ]
        self.draft = Draft(Record(0, public=starts))
        self.close()

    def noise(self, size: int) -> bytes:
        return self.random.randbytes(size)

    def number(self) -> int:
        return self.random.randrange(1, L)

    @property
    def height(self) -> int:
        return len(self.headers)

    def send(self, to: out.Address, value: int, ctx: bytes | None = None) -> Sent:
        n = self.noise(16)
        output, mask = out.send(to, ctx or out.ctx_transfer(self.id), value, n)
        return Sent(output, to, value, mask, n)

    def image(self) -> bytes:
        return encode(ristretto.base(self.number()))

    def transact(
        self, sent: list[Sent], burn: int = 0, fee: int = 1, inputs: int = 2, tail: Carried | None = None
    ) -> None:
        """A transaction of any type: its pseudo-outputs open to what it spends."""
        draft = self.draft
        total, mask = sum(each.value for each in sent) + burn + fee, sum(each.mask for each in sent)
        draft.pseudo.append(commit(total, mask))
        draft.record.images += [self.image() for _ in range(inputs)]
        made = sorted((each.output.data for each in sent), key=lambda data: data[64:96])
        draft.record.outputs += made
        draft.pending.append((made, self.noise(641)))
        draft.record.leaves.append(self.noise(32))
        self.count(fee=fee, **({"escrow_in" if tail.type == 3 else "burn": burn} if tail else {}))
        if tail is not None:
            draft.record.carried.append(tail)

    def count(self, **more: int) -> None:
        names = ("fee", "mint", "burn", "refund", "escrow_in", "escrow_out")
        record = self.draft.record
        record.totals = tuple(old + more.get(name, 0) for name, old in zip(names, record.totals, strict=True))

    def transfer(self, value: int = 25, fee: int = 1) -> list[Sent]:
        sent = [self.send(self.bob.address(0, 1), value), self.send(self.alice.address(0, 0), 3)]
        self.transact(sent, fee=fee)
        return sent

    def withdraw(self, value: int) -> bytes:
        ref = h32("wd", b"bank-01", self.noise(32))
        ctx, y = out.ctx_refund(self.id, ref), out.mask_refund(self.id, ref)
        output = out.send_refund(self.alice.address(0, 9), ctx, value, self.noise(16), y)
        self.stubs[ref] = value, output
        self.transact(
            [self.send(self.alice.address(0, 0), v) for v in (5, 0)],
            burn=value,
            tail=Carried(2, u64(value) + ref + output.stub),
        )
        return ref

    def fund(self, cid: bytes, value: int) -> None:
        """A TOPUP tail: of OPEN the checks here read nothing."""
        operation = b"\x21" + cid + value.to_bytes(8, "big") + bytes(8) + bytes(64)
        self.transact(
            [self.send(self.alice.address(0, 0), v) for v in (1, 0)],
            burn=value,
            tail=Carried(3, u64(value) + operation),
        )

    def frame(self, type_: int, body: bytes) -> bytes:
        data = blocks.frame(type_, self.id, self.height + 100, body)
        self.draft.record.carried.append(Carried(type_, data))
        return data

    def mint(self, values: list[int], spoil: int = 0) -> list[Sent]:
        """spoil: the kernel is made for another total."""
        mint_id, total = self.noise(32), sum(values)
        made = [self.send(self.alice.address(0, j), v, out.ctx_mint(self.id, mint_id)) for j, v in enumerate(values)]
        made.sort(key=lambda each: each.output.R)
        e = (sum(each.mask for each in made)) % L
        kernel = encode(ristretto.add(ristretto.base(e), ristretto.multiply(spoil, VALUE_BASE)))
        bit, proof = self.noise(50), self.noise(641)
        body = u16(len(bit)) + bit + self.noise(32) + u16(1) + u64(total) + u32(1) + u16(0) + u64(total)
        body += u8(len(made)) + b"".join(each.output.data for each in made) + kernel + u16(len(proof)) + proof
        size = len(body) + 64 + 16 + 64
        core = blocks.frame(16, self.id, self.height + 100, bytes(size))[:52] + body
        sig = schnorr_sign("mint/kernel", e, [core], self.number())
        self.frame(16, body + sig + self.noise(80))
        self.count(mint=total)
        return made

    def pay_bank(self, ref: bytes, outcome: int) -> None:
        self.frame(18, ref + u8(4) + b"bank" + self.noise(32) + u8(outcome) + self.noise(32 + 16 + 64))

    def refund(self, ref: bytes) -> None:
        value, output = self.stubs[ref]
        self.frame(19, ref + u8(2) + u8(0) + bytes(32 + 16 + 64))
        self.draft.record.public.append(PublicOutput(out.REFUND, 1, out.ctx_refund(self.id, ref), output.data))
        self.count(refund=value)

    def pay_out(self, cid: bytes, seq: int, values: tuple[int, int]) -> None:
        self.frame(41, cid)
        for party, value in enumerate(values):
            ctx, y = out.ctx_payout(self.id, cid, seq + party, party), out.mask_payout(self.id, cid, seq + party, party)
            n = out.public_anchor(self.prev, self.height, out.PAYOUT, cid, seq + party, party, 0)
            output = out.send_public(self.bob.address(1, party), ctx, value, n, y)
            self.draft.record.public.append(PublicOutput(out.PAYOUT, 1, ctx, output.data))
            self.count(escrow_out=value)

    @property
    def prev(self) -> bytes:
        return self.headers[-1].app_hash if self.headers else bytes(32)

    def finish_record(self) -> Record:
        """Sorts, sums, and adds the fee output."""
        draft, record = self.draft, self.draft.record
        record.carried.sort(
            key=lambda c: (c.type, c.data[8:40] if c.type == 2 else blocks.op_id(c.data) if c.type > 3 else c.data)
        )
        record.leaves.sort()
        record.images.sort()
        record.outputs.sort(key=lambda data: data[64:96])
        if draft.pseudo:
            record.ps_sum = encode(ristretto.total(draft.pseudo))
        for made, proof in draft.pending:
            places = sorted(record.outputs.index(data) for data in made)
            draft.proofs.append(Proof(places, self.noise(64), proof))
        fee = record.totals[0]
        if fee:
            ctx, y = out.ctx_fee(self.id, record.height), out.mask_fee(self.prev, record.height)
            n = out.public_anchor(self.prev, record.height, out.FEE, self.id, 0, 0, 0)
            output = out.send_public(self.bob.address(7, 7), ctx, fee, n, y)
            record.public.append(PublicOutput(out.FEE, 1, ctx, output.data))
        return record

    def close(self) -> Header:
        """Make the block final and start the next one."""
        record = self.finish_record()
        self.entries += record.log_entries()
        self.images |= dict.fromkeys(record.images, record.height)
        self.supply.add(record)
        self.supply.pay(record, self.open)
        self.state[9, b""] = self.supply.encode()
        self.seal(record, blocks.segment(record.height, self.draft.proofs))
        return self.headers[-1]

    def seal(self, record: Record, segment: bytes) -> None:
        """Header and finality over what stands in the chain now."""
        height, data = record.height, record.encode()
        self.headers.append(
            Header(
                self.id,
                height,
                1_700_000_000_000 + 250 * height,
                self.prev,
                record.tx_root(),
                merkle.root(blocks.log_leaves(self.entries)),
                len(self.entries),
                sparse.root(self.image_tree()),
                sparse.root(self.state_tree()),
                sha(data),
                sha(segment),
                record.totals,
                0,
                bytes(32),
                len(record.leaves) + len(record.frames),
                0,
            )
        )
        self.records.append(data)
        self.segments.append(segment)
        self.finalities.append(blocks.finality(VALIDATOR.sign(blocks.block_message(self.headers[-1]))))
        self.draft = Draft(Record(height + 1))

    def image_tree(self) -> dict[bytes, bytes]:
        return {sparse.image_key(image): sha(u64(height)) for image, height in self.images.items()}

    def state_tree(self) -> dict[bytes, bytes]:
        return {sparse.state_key(*where): sha(value) for where, value in self.state.items()}

    # -- what a node answers ----------------------------------------------------------------------------------

    def receipt(self, height: int, position: int) -> bytes:
        record = Record.decode(self.records[height])
        leaves = record.leaves + [blocks.op_id(frame) for frame in record.frames]
        return blocks.receipt(self.headers[height], self.finalities[height], leaves, position)

    def state_receipt(self, domain: int, ident: bytes) -> bytes:
        """At the tip; of an absent entry the value is empty."""
        proof = sparse.prove(self.state_tree(), sparse.state_key(domain, ident))
        value = self.state.get((domain, ident), b"")
        return blocks.state_receipt(self.headers[-1], self.finalities[-1], domain, ident, value, proof)

    def output_path(self, index: int) -> list[bytes]:
        return merkle.inclusion_proof(blocks.log_leaves(self.entries), index)

    def index_of(self, output: bytes) -> int:
        return next(at for at, entry in enumerate(self.entries) if entry[2] == output)

    def image_proof(self, image: bytes) -> bytes:
        return sparse.prove(self.image_tree(), sparse.image_key(image))


def lively(seed: int = 1) -> Chain:
    """Six blocks in which everything happens once."""
    chain = Chain(seed)
    chain.frame(80, chain.noise(90))
    chain.mint([60, 40, 0, 300])
    chain.close()
    chain.transfer()
    chain.transfer(fee=2)
    refs = [chain.withdraw(value) for value in (30, 20, 11)]
    chain.close()
    cid = chain.noise(32)
    chain.fund(cid, 50)
    chain.pay_bank(refs[0], 1)
    chain.mint([7, 8])
    chain.refund(refs[1])
    chain.close()
    chain.pay_out(cid, 0, (20, 15))
    chain.transfer()
    chain.close()
    chain.close()
    chain.pay_out(cid, 2, (10, 5))
    chain.pay_bank(refs[2], 2)
    chain.close()
    return chain
