"""Channels for tests: three parties with their keys, and every operation that they could send, signed by the oracle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from specie.crypto.aead import ChaCha20Poly1305Aead
from specie.ledger.messages.escrow import (
    Answer,
    ChannelBody,
    ChannelState,
    Claim,
    CloseRequest,
    Cooperate,
    Finalize,
    FraudGoods,
    FraudWitness,
    LaneAnchors,
    LaneClaim,
    Lock,
    LockClaim,
    Offer,
    Open,
    Respond,
    Settle,
    TopUp,
    goods_digest,
    goods_key,
)
from specie.ledger.messages.hashing import GROUP_ORDER, hash_scalar
from specie.ledger.protocol import light_group
from tests.ledger.escrow.ledger import Books, Names
from tests.oracle import secp256k1 as curve

NO_SIGNATURE = bytes(64)
ZERO = bytes(32)
LEDGER = Names(bytes(range(32)), b"\x4d\x6a\x94\x07")
START_MS = 1_700_000_000_000
DAY_S = 86_400

signature = cache(curve.sign)
presignature = cache(curve.presign)
chain_of = cache(curve.chain)
secret_of = cache(curve.secret_of)
even = cache(curve.even)


@dataclass(frozen=True)
class Key:
    """A BIP-340 key."""

    secret: int

    @classmethod
    @cache
    def of(cls, name: str) -> Key:
        return cls(even(curve.ws("demo/x", name.encode()))[0])

    @cached_property
    def public(self) -> bytes:
        return curve.public_key(self.secret)

    def sign(self, digest: bytes) -> bytes:
        return signature(self.secret, digest)


@dataclass(frozen=True)
class Wallet:
    """A payout address of the ledger with its spend key."""

    secret: int
    pay: bytes

    @classmethod
    @cache
    def of(cls, name: str) -> Wallet:
        secrets = [int.from_bytes(hash_scalar("test/pay", name.encode(), bytes([i])), "little") for i in range(3)]
        points = [light_group.encode_point(light_group.multiply(s, light_group.base())) for s in secrets]
        return cls(secrets[0], b"".join(points))

    def sign(self, top_up: TopUp, chain_id: bytes) -> TopUp:
        """sig_W: A | s with s = a + c*k_s."""
        items = top_up.signed_items(chain_id)
        nonce = int.from_bytes(hash_scalar("test/nonce", *items), "little")
        point = light_group.encode_point(light_group.multiply(nonce, light_group.base()))
        challenge = int.from_bytes(hash_scalar("esc/topup", point, self.pay[:32], *items), "little")
        answer = (nonce + challenge * self.secret) % GROUP_ORDER
        return replace(top_up, signature=point + answer.to_bytes(32, "little"))


@dataclass(frozen=True)
class Channel:
    """A channel as its three parties hold it."""

    body: ChannelBody
    client: Key
    vendor: Key
    bank: Key
    seed: bytes
    wallet: Wallet
    shop: Wallet

    @classmethod
    def of(cls, name: str = "demo", witnesses: int = 64, ticks: int = 64, **changes: Any) -> Channel:
        """A channel of two lanes with F = 20000, a limit of 1000 and a unit of 1, changed as asked."""
        client, vendor, bank = Key.of(f"client/{name}"), Key.of("vendor"), Key.of("bank")
        fields: dict[str, Any] = {
            "version": 1,
            "suite": 3,
            "ledger_id": LEDGER.chain_id,
            "asset": LEDGER.asset,
            "client_nonce": curve.th("test/nonce", name.encode())[:16],
            "vendor_nonce": bytes(16),
            "capacity": 20_000,
            "bond": 2_000,
            "index_max": 64,
            "limit": 1_000,
            "unit": 1,
            "lanes": 2,
            "window": 1,
            "expires_ms": START_MS + 30 * DAY_S * 1000,
            "dispute_s": DAY_S,
            "opened_ms": START_MS,
            "bank_key": bank.public,
            "client_key": client.public,
            "vendor_key": vendor.public,
            "client_owner": curve.th("CMS/O", b"C"),
            "vendor_owner": curve.th("CMS/O", b"V"),
            "reputations": ZERO,
        }
        body = ChannelBody(**fields | changes, anchors=())
        seed = curve.th("test/seed", name.encode())
        anchors = tuple(
            LaneAnchors(
                chain_of("w", body.cid, lane, 0, seed, witnesses)[0],
                witnesses,
                chain_of("v", body.cid, lane, 0, seed, ticks)[0],
                ticks,
            )
            for lane in range(body.lanes)
        )
        body = replace(body, anchors=anchors)
        return cls(body, client, vendor, bank, seed, Wallet.of("client"), Wallet.of("vendor"))

    @property
    def cid(self) -> bytes:
        return self.body.cid

    @property
    def burn(self) -> int:
        return self.body.capacity + self.body.bond

    @property
    def end_ms(self) -> int:
        return self.body.expires_ms + 1000 * self.body.dispute_s

    def opening(self, **changes: Any) -> Open:
        grant, acceptance = self.bank.sign(self.body.grant_digest), self.vendor.sign(self.body.accept_digest)
        return replace(Open(self.body, grant, acceptance, self.wallet.pay, self.shop.pay), **changes)

    def opened(self, time_ms: int = START_MS + 1000) -> Books:
        """A ledger on which this channel is open."""
        ledger = Books(LEDGER, self.bank.public)
        ledger.fund(self.opening().encode(), self.burn, time_ms)
        return ledger

    def top_up(self, amount: int, expires_ms: int | None = None) -> TopUp:
        unsigned = TopUp(self.cid, amount, expires_ms or self.body.expires_ms, NO_SIGNATURE)
        return self.wallet.sign(unsigned, self.body.ledger_id)

    def witness(self, lane: int, index: int) -> bytes:
        return chain_of("w", self.cid, lane, 0, self.seed, self.body.anchors[lane].witnesses)[index]

    def tick(self, lane: int, ticks: int, epoch: int = 0) -> bytes:
        return chain_of("v", self.cid, lane, epoch, self.seed, self.body.anchors[lane].ticks)[ticks]

    def secret(self, lane: int, index: int) -> bytes:
        """t of an honest lock of kind 1."""
        return secret_of(self.cid, lane, 0, index, self.witness(lane, index))[0].to_bytes(32, "big")

    def point(self, lane: int, index: int) -> bytes:
        return curve.x32(secret_of(self.cid, lane, 0, index, self.witness(lane, index))[1])

    def state(self, lane: int, index: int, amount: int, epoch: int = 0, **changes: Any) -> ChannelState:
        place = curve.th("test/chain", bytes([lane]) + index.to_bytes(4, "big") + amount.to_bytes(8, "big"))
        state = ChannelState(index, amount, START_MS + index, 0, ZERO, place, epoch, self.tick(lane, 0, epoch))
        return replace(state, **changes)

    def claim(self, lane: int, index: int, amount: int, ticks: int = 0, epoch: int = 0, **changes: Any) -> LaneClaim:
        """A complete state; index 0 is the claim of ticks alone."""
        tick = self.tick(lane, ticks, epoch)
        if index == 0:
            return LaneClaim.of_ticks(lane, self.body.tx_0, self.tick(lane, 0), ticks, tick)
        state = self.state(lane, index, amount, epoch, **changes)
        return LaneClaim(lane, state, self.client.sign(state.digest(self.cid, lane)), ticks, tick)

    def lock(self, lane: int, index: int, amount: int, **changes: Any) -> Lock:
        """A lock of kind 1 under the lane's own chain, or under the `point` given."""
        wanted: dict[str, Any] = {"kind": 1, "point": self.point(lane, index)} | changes
        state = self.state(lane, index, amount, **wanted)
        digest = state.digest(self.cid, lane)
        nonce, k, _ = presignature(self.client.secret, digest, curve.lift(state.point))
        return Lock(state, nonce, k.to_bytes(32, "big"))

    def bad_lock(self, lane: int, index: int, amount: int) -> Lock:
        """A lock that no witness of the chain opens."""
        return self.lock(lane, index, amount, point=curve.x32(even(curve.ws("test/y", bytes([index])))[1]))

    def adapted(self, lane: int, lock: Lock) -> LaneClaim:
        """The claim that a lock of the lane's own chain gives to whoever knows the witness."""
        digest, t = lock.state.digest(self.cid, lane), int.from_bytes(self.secret(lane, lock.state.index), "big")
        finished = curve.adapt(digest, curve.lift(lock.state.point), lock.nonce, int.from_bytes(lock.scalar, "big"), t)
        return LaneClaim(lane, lock.state, finished, 0, lock.state.tick_anchor)

    def settle(self, *claims: LaneClaim) -> Settle:
        unsigned = Settle(self.cid, claims, NO_SIGNATURE)
        return replace(unsigned, signature=self.vendor.sign(unsigned.digest))

    def claiming(self, *claims: LaneClaim, final: bool = False) -> Claim:
        unsigned = Claim(self.cid, claims, final, NO_SIGNATURE)
        return replace(unsigned, signature=self.vendor.sign(unsigned.digest))

    def close(self, *claims: LaneClaim) -> CloseRequest:
        unsigned = CloseRequest(self.cid, claims, NO_SIGNATURE)
        return replace(unsigned, signature=self.client.sign(unsigned.digest))

    def cooperate(self, total: int) -> Cooperate:
        unsigned = Cooperate(self.cid, total, NO_SIGNATURE, NO_SIGNATURE)
        digest = unsigned.digest
        return replace(unsigned, client_signature=self.client.sign(digest), vendor_signature=self.vendor.sign(digest))

    def lock_claim(self, lane: int, lock: Lock) -> LockClaim:
        unsigned = LockClaim(self.cid, lane, lock, NO_SIGNATURE)
        return replace(unsigned, signature=self.vendor.sign(unsigned.digest))

    def release(self, lane: int, index: int) -> Respond:
        return Respond.release(self.cid, lane, index, self.secret(lane, index))

    def reject(self, lane: int, index: int, reason: int = 1) -> Respond:
        unsigned = Respond(self.cid, lane, index, Answer.REJECT, ZERO, reason, NO_SIGNATURE)
        return replace(unsigned, signature=self.client.sign(unsigned.digest))

    def fraud_witness(self, lane: int, lock: Lock) -> FraudWitness:
        return FraudWitness(self.cid, lane, lock, self.witness(lane, lock.state.index))

    def fraud_goods(
        self, lane: int, index: int, price: int, goods: bytes = b"bad", told: bytes = b"good"
    ) -> FraudGoods:
        """The vendor sold `told` and delivered `goods`."""
        y, point = even(curve.ws("test/y", bytes([lane]) + index.to_bytes(4, "big")))
        secret = y.to_bytes(32, "big")
        offer = Offer(lane, index, price, curve.x32(point), goods_digest(told), NO_SIGNATURE)
        cipher = ChaCha20Poly1305Aead(goods_key(secret))
        ciphertext = cipher.seal(bytes(12), goods, offer.associated_data(self.cid))
        offer = replace(offer, signature=self.vendor.sign(offer.digest(self.cid, ciphertext)))
        return FraudGoods(self.cid, lane, index, offer, secret, ciphertext)

    def finalize(self) -> Finalize:
        return Finalize(self.cid)
