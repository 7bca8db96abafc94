"""Anchors of other rooms' logs (type 48): rules A-1 to A-5 (LEDGER section 9.7)."""

from __future__ import annotations

from specie.ledger.errors import AnchorKey, AnchorSequence
from specie.ledger.messages.bodies import Anchor
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.state import AnchorState, Domain, Role, anchor_ident
from specie.ledger.protocol.authority import find_valid_key, is_operation_signed
from specie.ledger.protocol.state import State

TOPIC_KMS_HEAD = 3
TOPIC_KEY_LOG = 12
"""The key log of ECASH section 11, the first topic that the chapter's table left free."""
TOPIC_DEPLOYMENT = 0x8000
"""From here on topics belong to the deployment."""


def is_known(topic: int) -> bool:
    """Is it a topic of the table, or one of a deployment's own?"""
    return 1 <= topic <= TOPIC_KEY_LOG or topic >= TOPIC_DEPLOYMENT


def apply_anchor(state: State, frame: Frame) -> None:
    """Put the head of a log on the ledger. Raises NonCanonical, AnchorKey, AnchorSequence."""
    body = Anchor.decode(frame.body)
    # SPEC LEDGER-9.7.1
    if not is_known(body.topic):
        raise AnchorKey("unknown topic", rule="A-1")
    entry = find_valid_key(state, body.kid, Role.ANCHOR, body.source)
    if entry is None or entry.topic != body.topic:
        raise AnchorKey("the key may not anchor this topic for this source", rule="A-1")
    # SPEC LEDGER-9.7.2
    if not is_operation_signed(entry, body.signed_part(frame), body.signature):
        raise AnchorKey("the signature of the anchor does not verify", rule="A-2")
    ident = anchor_ident(body.topic, body.source)
    found = state.get(Domain.ANCHOR, ident)
    last = AnchorState.decode(found) if found is not None else AnchorState(0, 0, bytes(32), 0)
    # SPEC LEDGER-9.7.3
    if body.sequence != last.sequence + 1:
        raise AnchorSequence("the anchor does not follow the last one", rule="A-3", next=last.sequence + 1)
    # SPEC LEDGER-9.7.4
    is_moved = body.size == last.size and body.root != last.root and body.topic != TOPIC_KMS_HEAD
    if found is not None and (body.size < last.size or is_moved):
        raise AnchorSequence("the log became shorter, or another log", rule="A-4")
    # SPEC LEDGER-9.7.5
    if found is not None and last.height == state.height:
        raise AnchorSequence("a block holds one anchor of a topic and source", rule="A-5")
    anchored = AnchorState(body.sequence, body.size, body.root, state.height)
    state.put(Domain.ANCHOR, ident, anchored.encode())
