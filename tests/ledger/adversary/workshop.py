"""A workshop that can make any wrong transaction: every byte is made here, in plain Python, and nothing is checked.

Parts come from the oracle (LEDGER sections 4 to 6, suite 0x01). A `Forgery` is spoiled before it is proven, between
proof and signature, after the signature, or after it is sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from ledger.adversary.range_prover import prove
from oracle.ledger import clsag, hpke, ristretto, transaction
from oracle.ledger import outputs as out
from oracle.ledger.clsag import Member
from oracle.ledger.hashes import h64, h_scalar, u32
from oracle.ledger.outputs import Address, Fields, Keys
from oracle.ledger.ristretto import L, encode
from oracle.ledger.transaction import PORTABLE, TxPrivate, TxPublic

RING = 16


class Coin(NamedTuple):
    """An output of ours with all its secrets: x opens P, mask and value open C."""

    index: int
    data: bytes
    value: int
    x: int
    mask: int

    @property
    def member(self) -> Member:
        fields = Fields.of(self.data)
        return Member(self.index, fields.P, fields.C)

    @property
    def image(self) -> bytes:
        return out.key_image(self.x, self.member.P)


def open_coin(keys: Keys, index: int, data: bytes, ctx: bytes, at: tuple[int, int] = (0, 0)) -> Coin | None:
    """The secrets of an output with a hidden opening, if it is ours."""
    fields = Fields.of(data)
    if not out.detect(keys.k_d, fields, ctx):
        return None
    shared = ristretto.multiply(keys.k_v, ristretto.decode(fields.R))
    q = h64("q", encode(shared), fields.R, ctx)
    spend = keys.address(*at).spend
    value = int.from_bytes(out.xor(fields.ea, out.h8("amt", q, fields.P)), "little")
    x = (h_scalar("otk", q) + keys.k_s + keys.offset(*at)) % L
    if encode(ristretto.base(x)) != fields.P:
        return None
    return Coin(index, data, value, x, out.mask_of(q, value, spend))


class Place(NamedTuple):
    """What a transaction is made for."""

    chain_id: bytes
    epoch: int
    public_key: bytes
    h_a: int
    out_root: bytes


class Spent(NamedTuple):
    """An input: the coin, its ring, and the mask of the pseudo-output."""

    coin: Coin
    ring: list[Member]
    pseudo_mask: int

    @property
    def real(self) -> int:
        return next(at for at, member in enumerate(self.ring) if member.index == self.coin.index)


class Made(NamedTuple):
    """An output with its opening."""

    data: bytes
    value: int
    mask: int


def wrapped_deltas(ring: Sequence[int]) -> bytes:
    """Index deltas modulo 2^64, so that rings which do not ascend can be written too."""
    return b"".join(transaction.leb128((b - a) % (1 << 64)) for a, b in pairwise([0, *ring]))


@dataclass
class Forgery:
    """A transaction in the hands of its maker."""

    place: Place
    public: TxPublic
    private: TxPrivate
    inputs: list[Spent]
    made: list[Made]
    seed: bytes
    deltas: bytes | None = None
    """Instead of the encoding of the first ring."""
    public_tail: bytes = b""
    private_tail: bytes = b""
    padding: bytes = b""
    size: int = 0
    head: bytes = b""
    info: bytes = b""
    share: tuple[bytes, hpke.Context] = field(init=False)

    def __post_init__(self) -> None:
        where = self.place
        self.share = transaction.seal(where.chain_id, where.epoch, where.public_key, sha256(self.seed).digest())

    def copy(self) -> Forgery:
        """Another one to spoil, under the same share."""
        public = replace(self.public)
        for name in ("images", "pseudo", "outputs"):
            setattr(public, name, list(getattr(public, name)))
        rings = [list(ring) for ring in self.private.rings]
        private = replace(self.private, rings=rings, signatures=list(self.private.signatures))
        return replace(self, public=public, private=private, inputs=list(self.inputs), made=list(self.made))

    def put(self, number: int, at: int, data: bytes) -> Forgery:
        """Bytes into the signature of an input: c_1 at 0, D at 32, s_1 at 64, then s, L and R, 32 bytes each."""
        old = self.private.signatures[number]
        self.private.signatures[number] = old[:at] + data + old[at + len(data) :]
        return self

    # -- before it is sealed

    def order(self) -> None:
        """Outputs ascending by R, and what belongs to them."""
        places = sorted(range(len(self.public.outputs)), key=lambda at: Fields.of(self.public.outputs[at]).R)
        self.public.outputs = [self.public.outputs[at] for at in places]
        self.made = [self.made[at] for at in places if at < len(self.made)]

    def change_output(self, at: int, **fields: bytes) -> None:
        """Other bytes in fields of an output; the outputs are put in order again."""
        self.public.outputs[at] = Fields.of(self.public.outputs[at])._replace(**fields).data
        self.order()

    @property
    def proof_context(self) -> bytes:
        return self.public.bp_ctx(self.place.chain_id, self.private.salt)

    def prove(self) -> Forgery:
        """A range proof over the values that the maker had in mind."""
        values, masks = [each.value for each in self.made], [each.mask for each in self.made]
        commitments = [Fields.of(output).C for output in self.public.outputs]
        self.public.range_proof = prove(values, masks, commitments, self.proof_context)
        return self

    def statement(self, number: int) -> clsag.Statement:
        """What the signature of an input is over, as the parts stand now."""
        where, public = self.place, self.public
        m = clsag.message(where.chain_id, public.encode(), self.private.h_a, where.out_root)
        exporter = bytes(32) if self.private.flags & PORTABLE else self.share[1].export(b"PL1/ring", 32)
        pseudo, image = public.pseudo[number], public.images[number]
        return clsag.Statement(clsag.request_key(m, exporter), m, number, self.inputs[number].ring, pseudo, image)

    def sign(self) -> Forgery:
        """Ring signatures over the parts as they stand now."""
        self.private.signatures = [self.signature(number) for number in range(len(self.inputs))]
        return self

    def pretend(self) -> Forgery:
        """Signatures that decode and hold nothing: enough for all rules before V-15."""
        point = encode(ristretto.BASE)
        self.private.signatures = [
            bytes(32) + point + bytes(32 * len(spent.ring)) + point * 2 * len(spent.ring) for spent in self.inputs
        ]
        return self

    def signature(self, number: int, nonce: bytes = b"") -> bytes:
        spent, statement = self.inputs[number], self.statement(number)
        random = [h_scalar("test/sign", self.seed, nonce, statement.m, u32(number), u32(at)) for at in range(RING * 5)]
        z = (spent.coin.mask - spent.pseudo_mask) % L
        return clsag.sign(statement, spent.real, spent.coin.x, z, random[0], random[1 : len(spent.ring) + 1]).data

    # -- the envelope

    def private_bytes(self) -> bytes:
        if self.deltas is None and all(a <= b for ring in self.private.rings for a, b in pairwise(ring)):
            return self.private.encode() + self.private_tail
        rest = replace(self.private, rings=[[] for _ in self.private.rings]).encode()
        at, data = 41, rest[:41]
        for number, (ring, signature) in enumerate(zip(self.private.rings, self.private.signatures, strict=True)):
            first = self.deltas is not None and number == 0
            data += (self.deltas or b"") if first else wrapped_deltas(ring)
            data += rest[at : at + len(signature)]
            at += len(signature)
        return data + rest[at:] + self.private_tail

    def seal(self) -> bytes:
        """The envelope. `size`, `padding`, `head` and `info` take the place of what is right."""
        where = self.place
        public, private = self.public.encode() + self.public_tail, self.private_bytes()
        head = self.head or transaction.envelope_head(1, where.epoch, where.public_key)
        enc, context = self.share
        if self.info:
            enc, context = hpke.sender(where.public_key, self.info, sha256(self.seed).digest())
        if not self.size and not self.padding:
            return transaction.close(head, enc, context, public, private)
        plain = u32(len(public)) + public + u32(len(private)) + private + self.padding
        size = self.size or next(each for each in transaction.CLASSES if each >= len(plain) + 65)
        return head + enc + context.seal(head, plain.ljust(size - 65, b"\0"))


@dataclass(frozen=True)
class Wish:
    """What a transaction should be like, where it is not like others."""

    fee: int = 1
    burn: int = 0
    type: int = transaction.TRANSFER
    extra: bytes = b""
    portable: bool = False
    values: tuple[int, ...] = ()
    """Of the outputs, whatever they add up to; else all that there is in two."""
    pseudo_masks: tuple[int, ...] = ()
    """Of the first inputs; the last one balances."""
    anchor: bytes = b""
    """What n is made of, so that two transactions can have the same."""


class Workshop:
    """Makes forgeries for one chain and one owner of coins."""

    def __init__(self, keys: Keys, place: Place, members: Sequence[tuple[int, int, bytes]], expiry: int) -> None:
        self.keys, self.place, self.expiry = keys, place, expiry
        self.members = members
        """(index, class, output) of every output that a ring may name."""
        self.serial = 0

    def ring(self, coin: Coin, count: int = RING, class_: int = 0) -> list[Member]:
        """The coin among others of a class."""
        others = [(index, data) for index, each, data in self.members if each == class_ and index != coin.index]
        others.sort(key=lambda each: sha256(b"%d/%d" % (coin.index, each[0])).digest())
        chosen = [(index, Fields.of(data)) for index, data in others[: count - 1]]
        found = [coin.member, *(Member(index, fields.P, fields.C) for index, fields in chosen)]
        return sorted(found, key=lambda member: member.index)

    def outputs(self, seed: bytes, wish: Wish, total: int) -> list[Made]:
        ctx = out.ctx_transfer(self.place.chain_id)
        rest = total - wish.fee - wish.burn
        values = wish.values or (rest - rest // 3, rest // 3)
        payee: Address = self.keys.address(0, 1)
        made = []
        for number, value in enumerate(values):
            n = h64("test/n", wish.anchor or seed, u32(number))[:16]
            fields, mask = out.send(payee, ctx, value % (1 << 64), n)
            if not 0 <= value < 1 << 64:
                fields = fields._replace(C=encode(out.commit(value % L, mask)))
            made.append(Made(fields.data, value, mask))
        return sorted(made, key=lambda each: Fields.of(each.data).R)

    def forge(self, coins: Sequence[Coin], wish: Wish | None = None, rings: Sequence[list[Member]] = ()) -> Forgery:
        """A transaction that is neither proven nor signed yet."""
        wish = wish or Wish()
        self.serial += 1
        seed = b"%d/" % self.serial + b"".join(coin.image for coin in coins)
        made = self.outputs(seed, wish, sum(coin.value for coin in coins))
        masks = [*wish.pseudo_masks, *(h_scalar("test/mask", seed, u32(at)) for at in range(len(coins)))]
        masks = masks[: len(coins) - 1]
        masks.append((sum(each.mask for each in made) - sum(masks)) % L)
        found = rings or [self.ring(coin) for coin in coins]
        inputs = [Spent(coin, ring, mask) for coin, ring, mask in zip(coins, found, masks, strict=True)]
        inputs.sort(key=lambda spent: spent.coin.image)
        pseudo = [encode(out.commit(spent.coin.value, spent.pseudo_mask)) for spent in inputs]
        public = TxPublic(
            wish.type, self.expiry, wish.fee, wish.burn, wish.extra, [spent.coin.image for spent in inputs], pseudo,
            [each.data for each in made], bytes(641),
        )  # fmt: skip
        indices = [[member.index for member in spent.ring] for spent in inputs]
        flags = PORTABLE if wish.portable else 0
        private = TxPrivate(
            flags, sha256(seed).digest(), self.place.h_a, indices, [bytes(64 + 96 * RING)] * len(coins)
        )  # fmt: skip
        return Forgery(self.place, public, private, inputs, made, seed)
