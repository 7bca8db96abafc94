"""From bytes to verified objects, a batch at a time, with the refusals that are only counted (C1 to C9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TypeVar

from specie.issuance.engine.desk import Desk
from specie.issuance.errors import Denial, KeyNotActive
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import open_many
from specie.issuance.protocol.keyset import KeySet

B = TypeVar("B", bound=Body)
Check = Callable[[Signed[B], KeyEntry, int], None]


def check_in_force(entry: KeyEntry, iat: int) -> None:
    """Raises KeyNotActive."""
    if not entry.nbf <= iat < entry.signing_until:
        raise KeyNotActive("the key was not in force when the object was made")


async def open_batch(
    desk: Desk,
    datas: Sequence[bytes],
    kind: type[B],
    roles: Sequence[str],
    checks: Sequence[Callable[[Signed[B], KeyEntry, int], None]],
    *,
    earlier: bool = False,
) -> list[Signed[B] | Denial]:
    """Open objects that must be signed now, then run `checks(item, index)` on each that opened.

    earlier: the objects may have waited in an outbox; their key must have been in force at their iat and still verify.
    """
    keys: KeySet = desk.key_set(await desk.current())
    now_s = desk.now_s()

    def work() -> list[Signed[B] | Denial]:
        find = keys.verifiable if earlier else keys.active
        opened = open_many(datas, kind, keys, lambda kid: find(kid, roles, now_s))
        answers: list[Signed[B] | Denial] = []
        for index, item in enumerate(opened):
            if not isinstance(item, Denial):
                try:
                    if earlier:
                        check_in_force(keys.entries[item.kid], item.claims.iat)
                    for check in checks:
                        check(item, keys.entries[item.kid], index)
                except Denial as refusal:
                    answers.append(refusal)
                    continue
            answers.append(item)
        return answers

    return await desk.offload(work)


# SPEC ISSUANCE-7.4, ISSUANCE-20.24
async def count_early(desk: Desk, step: str, role: str, datas: Sequence[bytes], answers: Sequence[object]) -> None:
    """Count the refusals of C1 to C9 and hang evidence on them; nothing is stored."""
    refused = [
        (answer, sha256(data).digest())
        for data, answer in zip(datas, answers, strict=True)
        if isinstance(answer, Denial) and not answer.evidence
    ]
    for refusal, _ in refused:
        desk.observer.request(step, refusal.chapter)
    if refused:
        await desk.with_evidence(role, refused)
