"""The order of the rules: of two faults the earlier one names the refusal, cold and warm (LEDGER-7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest

from ledger.adversary.channels import channel
from ledger.adversary.court import court
from ledger.adversary.pool import nudge
from ledger.adversary.workshop import RING, Forgery, Wish
from ledger.test_bad_inputs_4 import withdraw
from oracle.ledger.outputs import Fields
from oracle.ledger.transaction import FUND, TRANSFER, WITHDRAW
from specie.ledger.errors import of_rule
from specie.ledger.protocol.rules import LASTING, ORDER

Spoil = Callable[[Forgery], None]


@dataclass(frozen=True)
class Fault:
    """How a rule is broken, and in which types of transaction that can be."""

    spoil: Spoil
    types: tuple[int, ...] = (TRANSFER, WITHDRAW, FUND)


@cache
def sample(kind: int) -> Forgery:
    """A transaction of each type that fails no rule before V-18. It is never final."""
    here = court()
    if kind == TRANSFER:
        return here.built()
    if kind == WITHDRAW:
        points = bytes.fromhex("6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919")
        points += bytes.fromhex("94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259")
        wish = Wish(type=WITHDRAW, fee=2, burn=300, extra=b"\7" * 32 + points + bytes(163), portable=True)
    else:
        made = channel(here, "order")
        wish = Wish(type=FUND, fee=2, burn=made.burn, extra=made.opening().encode(), portable=True)
    coin = here.take_worth(wish.burn + 3)
    return here.workshop().forge([coin], wish).sign()


@cache
def used_reference() -> bytes:
    """A withdraw_ref that is on the ledger."""
    envelope, ref, _ = withdraw("order of rules")
    court().accepts(envelope)
    return ref


@cache
def spent_image() -> bytes:
    """A key image that is on the ledger."""
    here = court()
    forgery = here.built()
    here.accepts(forgery.seal())
    return forgery.public.images[0]


def _v1(forgery: Forgery) -> None:
    forgery.head = b"PLX1\1\7\0\0\0" + bytes(8)


def _v2(forgery: Forgery) -> None:
    forgery.info = b"another"


def _v3(forgery: Forgery) -> None:
    forgery.private_tail = b"\0"


def _v4(forgery: Forgery) -> None:
    forgery.public.ver = 2


def _v20(forgery: Forgery) -> None:
    forgery.public.burn = 2**62


def _v5(forgery: Forgery) -> None:
    forgery.public.expiry_height = 1


def _v6(forgery: Forgery) -> None:
    forgery.public.fee = 0


def _v7(forgery: Forgery) -> None:
    """A second input, the same again."""
    for name in ("images", "pseudo"):
        setattr(forgery.public, name, getattr(forgery.public, name)[:1] * 2)
    forgery.private.rings = forgery.private.rings[:1] * 2
    forgery.private.signatures = forgery.private.signatures[:1] * 2


def _v8(forgery: Forgery) -> None:
    forgery.public.outputs = forgery.public.outputs[::-1]


def _v9(forgery: Forgery) -> None:
    forgery.public.images[0] = spent_image()


def _v19(forgery: Forgery) -> None:
    forgery.public.extra = used_reference() + forgery.public.extra[32:]


def _v10(forgery: Forgery) -> None:
    forgery.public.pseudo[0] = b"\xff" * 32


def _v11(forgery: Forgery) -> None:
    forgery.put(0, 64 + 32 * 2, b"\xff" * 32)


def _v12(forgery: Forgery) -> None:
    forgery.change_output(0, P=Fields.of(court().members()[3][2]).P)


def _v21(forgery: Forgery) -> None:
    extra = forgery.public.extra
    forgery.public.extra = extra[:-192] + bytes([extra[-192] ^ 1]) + extra[-191:]


def _v14(forgery: Forgery) -> None:
    forgery.private.h_a = court().height + 1


def _v13(forgery: Forgery) -> None:
    forgery.private.rings[0][1] = forgery.private.rings[0][0]


def _v22(forgery: Forgery) -> None:
    start = [index for index, class_, _ in court().members()[:128] if class_ == 1]
    forgery.private.rings[0] = sorted([*start[: RING - 1], forgery.inputs[0].coin.index])


def _v15(forgery: Forgery) -> None:
    forgery.public.fee += 1


def _v16(forgery: Forgery) -> None:
    forgery.put(0, 0, b"\1" + bytes(31))


def _v17(forgery: Forgery) -> None:
    nudge(forgery, 4, 1)


def _v18(forgery: Forgery) -> None:
    forgery.private.salt = bytes(32)


FAULTS: dict[str, Fault] = {
    "V-1": Fault(_v1),
    "V-2": Fault(_v2),
    "V-3": Fault(_v3),
    "V-4": Fault(_v4),
    "V-20": Fault(_v20),
    "V-5": Fault(_v5),
    "V-6": Fault(_v6),
    "V-7": Fault(_v7),
    "V-8": Fault(_v8),
    "V-9": Fault(_v9),
    "V-19": Fault(_v19, (WITHDRAW,)),
    "V-10": Fault(_v10),
    "V-11": Fault(_v11),
    "V-12": Fault(_v12),
    "V-21": Fault(_v21, (FUND,)),
    "V-14": Fault(_v14),
    "V-13": Fault(_v13),
    "V-22": Fault(_v22),
    "V-15": Fault(_v15),
    "V-16": Fault(_v16),
    "V-17": Fault(_v17),
    "V-18": Fault(_v18),
}
OTHER_CODES = {"V-1": "epoch_unknown", "V-21": "escrow_refused"}
LABELS = {"V-21": "K-17"}
"""A refusal by V-21 names the check of the contract."""


def _pairs() -> list[tuple[str, str, int]]:
    """Adjacent rules, and those with one rule between; V-19 and V-21 meet in no transaction."""
    near = [*pairwise(ORDER), *zip(ORDER, ORDER[2:], strict=False)]
    found = []
    for one, other in near:
        kinds = [kind for kind in FAULTS[one].types if kind in FAULTS[other].types]
        if kinds:
            found.append((one, other, kinds[0]))
    return found


def _refusal(label: str) -> tuple[str, str]:
    code = OTHER_CODES.get(label) or of_rule(label).code.removeprefix("ledger.")
    return code, LABELS.get(label, label)


def test_every_rule_has_its_fault() -> None:
    assert list(FAULTS) == list(ORDER)
    assert set(LASTING) < set(ORDER)


# SPEC LEDGER-7.1, LEDGER-7.23, LEDGER-7.24, LEDGER-18.1
@pytest.mark.parametrize("label", ORDER)
def test_each_fault_alone(label: str) -> None:
    for kind in FAULTS[label].types:
        forgery = sample(kind).copy()
        FAULTS[label].spoil(forgery)
        court().refuses(forgery.seal(), *_refusal(label))


# SPEC LEDGER-7.1, LEDGER-7.23, LEDGER-7.24
@pytest.mark.parametrize(("one", "other", "kind"), _pairs())
def test_the_earlier_of_two_faults_is_named(one: str, other: str, kind: int) -> None:
    forgery = sample(kind).copy()
    for label in (other, one):
        FAULTS[label].spoil(forgery)
    court().refuses(forgery.seal(), *_refusal(one))
