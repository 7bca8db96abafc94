"""Submissions over their life: what is remembered, what is judged anew, and who hands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.service.world import World, living
from specie.ledger import errors
from specie.ledger.messages.views import Repeated, Submitted
from specie.ledger.service.submitting import refusal_of
from tests.app.serving import ask, run

OCTETS = "application/vnd.specie.ledger+octets"


# SPEC LEDGER-21.1.6
def test_a_refusal_that_time_may_lift_is_judged_anew(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        early = world.anchor(3)
        with pytest.raises(errors.AnchorSequence):
            await world.client.submit_operation(early, 10)
        await world.make_final(world.anchor(2))
        assert (await world.client.submit_operation(early, 10)).state == "final"

    run(_living(tmp_path, story))


# SPEC LEDGER-21.1.1
def test_a_refusal_for_good_is_remembered_and_marked(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        bad = world.anchor(2)[:-1]
        heard = []
        for _ in range(2):
            headers = [("content-type", OCTETS), ("prefer", "wait=10")]
            heard.append(await ask(world.port, "POST", "/v1/ledger/operations", bad, headers))
        assert [each.status for each in heard] == [400, 400]
        assert [each.headers.get("idempotent-replay") for each in heard] == [None, "true"]
        assert heard[0].json["code"] == heard[1].json["code"] == "ledger.non_canonical"

    run(_living(tmp_path, story))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Submitted(id="00", state="refused", code="ledger.key_image_spent", rule="V-9"), errors.KeyImageSpent),
        (Submitted(id="00", state="refused", code="ledger.block_full", rule="9.5.5"), errors.BlockFull),
        (Submitted(id="00", state="refused", code="ledger.of_a_later_release"), errors.Rejected),
        (Submitted(id="00", state="expired"), errors.Expired),
        (Repeated(id="00", state="refused", code="ledger.balance", rule="V-15"), errors.Balance),
    ],
    ids=lambda value: str(getattr(value, "code", "")),
)
def test_a_refused_submission_is_the_error_of_its_code(answer: Submitted, kind: type[Exception]) -> None:
    error = refusal_of(answer)
    assert type(error) is kind
    assert getattr(error, "rule", None) == answer.rule


async def _living(folder: Path, story: object) -> None:
    async with living(folder) as world:
        await story(world)  # type: ignore[operator]
