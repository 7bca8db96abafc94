"""The people of a story: operators, officers, owners, root holders, witnesses, and whoever pulls the plug."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from specie.crypto import cose
from specie.issuance.api import IssueView, Order, Parcel
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import Enrolment
from specie.issuance.messages.policy import Kind
from specie.issuance.wallet import officer, owner
from specie.issuance.wallet.founding import next_manifest
from specie.issuance.wallet.officer import sign_manifest, sign_policy
from specie.kernel.errors import Refused, Unavailable
from tests.issuance.house import CM, CURRENCY, IS, OFFICERS, QC
from tests.issuance.registry import BANK
from tests.simulation.founding import ROTATED

if TYPE_CHECKING:
    from tests.simulation.world import World

TRIES = 6


@dataclass
class People:
    """Everybody, and what they were promised."""

    world: World
    online: bool
    policy: Any
    policy_data_hash: bytes = b""
    issues: dict[bytes, Order] = field(default_factory=dict)
    units: dict[bytes, list[bytes]] = field(default_factory=dict)
    """Issue id to the units that were handed out: they must still be there at the end (I9)."""
    receipts: dict[bytes, bytes] = field(default_factory=dict)
    checkpoints: dict[str, list[bytes]] = field(default_factory=dict)
    pauses: list[tuple[str, bytes]] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)

    async def insist(self, what: str, work: Any, tries: int = TRIES) -> Any:
        """Ask again while nobody answers; a refusal is an answer. None where nobody ever answered."""
        for _ in range(tries):
            try:
                return await work()
            except Unavailable:
                await asyncio.sleep(self.world.rng.uniform(0.2, 4.0))
            except Refused as refusal:
                self.world.note("people", f"{what}: {refusal.code}")
                return refusal
        return None

    async def order(self) -> None:
        """An operator asks for money, and asks again under the same key where nobody answers."""
        rng, world = self.world.rng, self.world
        amount = rng.choice((1_000, 2_500, 15_000, 15_000, 60_000, 100_000, 100_001, 300_000, 650_000))
        account = self.online and rng.random() < 0.3
        order = Order(
            CURRENCY,
            amount,
            1 if account else 0,
            f"{BANK}/acct-{rng.randrange(3)}".encode() if account else world.ring.kids["alice", "owner"],
            None if account else denominations(rng, amount),
            rng.choice(("retail", "wholesale")),
            operator=rng.choice(("olga", "olga", "mina", None)),
        )
        key = world.randomness.bytes(16)
        self.issues[key] = order
        world.note("operator", f"orders {amount} as {key.hex()[:8]}")
        issuance = world.remote(IS)

        async def ask() -> Any:
            (answer,) = await issuance.issue([order], keys=[key])
            if isinstance(answer, Unavailable):
                raise answer
            return answer

        both = [self.insist("issue", ask) for _ in range(2 if rng.random() < 0.2 else 1)]
        for answer in await asyncio.gather(*both):
            self.heard(key, answer)
        await self.collect(key)

    def heard(self, key: bytes, answer: Any) -> None:
        said = answer.state if isinstance(answer, IssueView) else getattr(answer, "code", answer)
        self.world.note("operator", f"{key.hex()[:8]}: {said}")

    async def collect(self, key: bytes | None = None) -> None:
        """An owner is handed the units of a released issue."""
        if not self.issues:
            return
        key = key or self.world.rng.choice(list(self.issues))
        units = await self.insist("units", lambda: self.world.remote(IS).units(key))
        if isinstance(units, list) and units:
            before = self.units.setdefault(key, units)
            if before != units:
                self.world.faulty.append(f"issue {key.hex()}: other units than before")

    async def decide(self) -> None:
        """An officer looks at what waits and says yes, or no, or goes for lunch."""
        rng, world = self.world.rng, self.world
        waiting = await self.insist("waiting", lambda: world.remote(CM).waiting(), 2)
        for request in waiting if isinstance(waiting, list) else []:
            for person in rng.sample(sorted(OFFICERS), rng.choice((0, 1, 2, 3))):
                hand = world.hand(person)
                yes = rng.random() < 0.85
                word = await (
                    officer.approve(hand, request, 1) if yes else officer.reject(hand, request, 1, "not today")
                )
                said = await self.insist("approve", lambda word=word: world.remote(CM).approve(word))
                world.note(person, f"{'approves' if yes else 'rejects'}: {said if isinstance(said, str) else ''}")

    async def redeem(self) -> None:
        """An owner gives units back; sometimes twice, sometimes in two requests, sometimes for destruction."""
        rng, world = self.world.rng, self.world
        if self.online or not self.units:
            return
        key = rng.choice(list(self.units))
        some = rng.sample(self.units[key], rng.randint(1, min(3, len(self.units[key]))))
        hand = world.hand("alice", "owner")
        destroy = rng.random() < 0.2
        request = await owner.redemption_request(hand, some, "" if destroy else "account 7")
        words: tuple[bytes, ...] = ()
        if destroy:
            words = tuple([await officer.approve(world.hand(name), request, 0) for name in ("mina", "omar")])
        parcel = Parcel(request, await hand.cose_key(), (), words)
        work = [self.insist("redeem", lambda: world.remote(IS).redeem(parcel))]
        if rng.random() < 0.3:
            work.append(self.insist("redeem", lambda: world.remote(IS).redeem(parcel)))
        for answer in await asyncio.gather(*work):
            if isinstance(answer, bytes):
                world.note("alice", f"redeemed {len(some)} units of {key.hex()[:8]}")
                before = self.receipts.setdefault(request, answer)
                if before != answer:
                    world.faulty.append("one redemption, two receipts")

    async def freeze(self) -> None:
        """Two officers freeze a unit, or let it go."""
        rng, world = self.world.rng, self.world
        if not self.units or self.online:
            return
        unit = rng.choice(rng.choice(list(self.units.values())))
        serial = owner.read_unverified(unit, owner.Unit).claims.cti
        release = rng.random() < 0.4
        words = [
            await officer.freeze(world.hand(name), serial, "court order", release=release) for name in ("mina", "omar")
        ]
        await self.insist("freeze", lambda: world.remote(IS).freeze(words))

    async def pause(self) -> None:
        """One officer pauses something everywhere; two resume it later."""
        rng, world = self.world.rng, self.world
        scope = rng.choice(("platform", f"currency:{CURRENCY}", f"issuer:{IS}", "direction:issue", "direction:redeem"))
        word = await officer.pause(world.hand("mina"), scope, "a look")
        self.pauses.append((scope, sha256(word).digest()))
        world.note("mina", f"pauses {scope}")
        for system in (CM, QC):
            await self.insist("pause", lambda system=system: world.remote(system).rules.apply_pause([word]))
        await asyncio.sleep(rng.expovariate(1 / 20.0))
        await self.resume(scope, sha256(word).digest())

    async def resume(self, scope: str, digest: bytes) -> None:
        world = self.world
        words = [await officer.resume(world.hand(name), scope, "looked", [digest]) for name in ("mina", "omar")]
        for system in (CM, QC):
            await self.insist("resume", lambda system=system: world.remote(system).rules.apply_pause(words), 20)

    async def revoke(self) -> None:
        """An officer takes a credential back, at central management or at quota control directly."""
        rng, world = self.world.rng, self.world
        rows = world.stores[CM].read_now(lambda tx: tx.all("SELECT cti FROM credential WHERE state = 0 ORDER BY cti"))
        if not rows:
            return
        word = await officer.revoke(world.hand("mina"), rng.choice(rows)[0], "a doubt")
        place = rng.choice((CM, QC))
        world.note("mina", f"revokes a credential at {place}")
        await self.insist("revoke", lambda: world.remote(place).revoke(word))

    async def change_policy(self) -> None:
        """Officers lower a cap, or raise one; each system hears of it when it does."""
        if "policy" in self.busy:
            return
        self.busy.add("policy")
        rng, world = self.world.rng, self.world
        limits = []
        for limit in self.policy.limits:
            shrink = rng.random() < 0.5 and limit.kind != Kind.COUNT
            limits.append(replace(limit, cap=max(1, limit.cap * rng.choice((1, 2, 5)) // 4)) if shrink else limit)
        data = world.stores[CM].read_now(lambda tx: tx.one("SELECT hash FROM policy ORDER BY version DESC LIMIT 1"))
        fresh = replace(
            self.policy,
            version=self.policy.version + 1,
            previous=data[0],
            limits=tuple(limits),
            effective_from=world.now_us() // 1_000_000,
        )
        signed = await sign_policy(fresh, [world.hand(name) for name in ("mina", "omar")])
        self.policy = fresh
        world.note("officers", f"policy {fresh.version}")
        for system in rng.sample((CM, QC), 2):
            await self.insist("policy", lambda system=system: world.remote(system).rules.apply_policy(signed), 40)
        self.busy.discard("policy")

    async def rotate(self) -> None:
        """A key that signs all the time gives way to its successor, in the middle of the traffic."""
        world, rng = self.world, self.world.rng
        free = [pair for pair in ROTATED if str(pair) not in self.busy]
        if not free or "manifest" in self.busy:
            return
        holder, role = rng.choice(free)
        self.busy.update((str((holder, role)), "manifest"))
        ring, cm = world.ring, world.remote(CM)
        kid = ring.spares[holder, role]
        hand = replace(world.hand(holder, role), uri=ring.uri(kid))
        data = await hand.sign(Enrolment(ring.spare_keys[holder, role], role, holder))
        await self.insist("enrol", lambda: cm.enrol(data), 40)
        for person in ("mina", "omar"):
            word = await officer.approve(world.hand(person), data, 0)
            await self.insist("admit", lambda word=word: cm.approve(word), 40)
        manifests = await self.insist("keys", lambda: cm.rules.keys_since(0), 40)
        if not isinstance(manifests, list):
            return
        current = officer_manifest(manifests[-1])
        at_s = world.now_us() // 1_000_000 + rng.choice((0, 2, 20))
        old = ring.kids[holder, role]
        entries = [replace(e, signing_until=max(e.nbf, at_s)) if e.kid == old else e for e in current.entries]
        until = at_s + 90 * 86_400
        entries.append(KeyEntry(kid, ring.spare_keys[holder, role], role, holder, at_s, until, until + 10**8, 0))
        roots = [world.hand(f"root-{n}", "root") for n in (0, 1)]
        signed = await sign_manifest(next_manifest(current, sha256(manifests[-1]).digest(), entries), roots)
        world.note("root", f"rotates {role}")
        await self.insist("manifest", lambda: cm.rules.apply_keys(signed), 40)
        self.busy.discard("manifest")

    async def witness(self) -> None:
        """Someone keeps a system's newest checkpoint."""
        system = self.world.rng.choice((CM, QC, IS))
        note = await self.insist("checkpoint", self.world.remote(system).log.checkpoint, 2)
        if isinstance(note, bytes):
            self.checkpoints.setdefault(system, []).append(note)

    async def step_clock(self) -> None:
        """A clock is set forward or back."""
        rng, world = self.world.rng, self.world
        system = rng.choice((CM, QC, IS))
        step_s = rng.choice((-7200, -61, -31, -5, 5, 31, 61, 700, 7200))
        world.offset_us[system] += step_s * 1_000_000
        world.note(system, f"clock steps by {step_s} s")

    async def leap(self) -> None:
        """Long enough for requests, credentials, control bits or approvals to run out while they are under way."""
        step_s = self.world.rng.choice((300, 700, 1300, 4000))
        self.world.start_us += step_s * 1_000_000
        self.world.note("world", f"{step_s} s later")

    async def lose_keys(self) -> None:
        """The keys of a system are away for a while."""
        rng, world = self.world.rng, self.world
        system = rng.choice((CM, QC, IS))
        world.keyless.add(system)
        world.note(system, "keys away")
        await asyncio.sleep(rng.expovariate(1 / 15.0))
        world.keyless.discard(system)
        world.note(system, "keys back")

    async def cut(self) -> None:
        """Two systems cannot reach each other for a while."""
        rng, world = self.world.rng, self.world
        pair = frozenset(rng.sample((CM, QC, IS), 2))
        world.cut.add(pair)
        world.note("network", f"cut between {' and '.join(sorted(pair))}")
        await asyncio.sleep(rng.expovariate(1 / 15.0))
        world.cut.discard(pair)

    async def pull_plug(self) -> None:
        """A system loses power."""
        life = self.world.lives[self.world.rng.choice((CM, QC, IS))]
        if life is not None:
            life.crash("at once")


def denominations(rng: Any, amount: int) -> tuple[tuple[int, int], ...]:
    """A few units of different values."""
    count = rng.randint(1, 3)
    part = amount // (count + 1)
    return ((part, count), (amount - part * count, 1)) if part else ((amount, 1),)


def officer_manifest(data: bytes) -> Any:
    """What a manifest says."""
    from specie.issuance.messages.claims import read_payload
    from specie.issuance.messages.keys import KeyManifest

    return read_payload(KeyManifest, cose.parse_sign(data, bytes_max=2**18).payload)[1]
