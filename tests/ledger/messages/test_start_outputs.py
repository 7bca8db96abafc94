"""The outputs that every chain begins with (LEDGER section 8.6)."""

from __future__ import annotations

from specie.crypto import ring
from specie.ledger.messages.binary import put_u8
from specie.ledger.messages.genesis import start_outputs
from specie.ledger.messages.outputs import OutputKind

CHAIN = bytes(range(32))


# SPEC LEDGER-8.6.3
def test_start_outputs_are_64_of_each_class() -> None:
    made = start_outputs(CHAIN)
    assert [each.class_ for each in made] == [0] * 64 + [1] * 64
    assert {(each.kind, each.ctx) for each in made} == {(OutputKind.START, bytes(32))}
    points = b"".join(each.output.points for each in made)
    assert not any(ring.points_check(points))
    assert len({points[at : at + 32] for at in range(0, len(points), 32)}) == 3 * 128
    assert all(not any(each.output.data[96:]) for each in made)


def test_a_start_output_follows_from_chain_class_and_number() -> None:
    items = [CHAIN, put_u8(1), put_u8(5)]
    output = start_outputs(CHAIN)[64 + 5].output
    assert (ring.pl1_point("gen/P", items), ring.pl1_point("gen/R", items)) == (output.P, output.R)
    assert ring.commit(0, ring.pl1_scalar("gen/C", items)) == output.C
    assert start_outputs(bytes(32))[0].output != start_outputs(CHAIN)[0].output
