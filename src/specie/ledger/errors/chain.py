"""What is wrong with a change of parameters or an epoch key, and what the node itself cannot answer."""

from __future__ import annotations

from specie.ledger.errors.rejected import Deferred, Rejected


class ParamsVersion(Rejected):
    """The change does not follow the last one."""

    code, status, number, retry = "ledger.params_version", 409, 96, "new change"


class ParamsQuorum(Rejected):
    """Too few governance keys signed, or one signature does not verify."""

    code, status, number, retry = "ledger.params_quorum", 403, 97, "more signatures"


class ParamsValue(Rejected):
    """A value is unknown or out of its bounds, or the change takes effect too early."""

    code, status, number = "ledger.params_value", 422, 98


class EpochRefused(Rejected):
    """The epoch key does not follow the last one, or too few enclaves signed it."""

    code, status, number = "ledger.epoch_refused", 409, 112


class BlockFull(Deferred):
    """The block has all operations, or all value, that it may have."""

    code, number = "ledger.block_full", 120


class NotAvailable(Rejected):
    """This deployment does not offer it."""

    code, status, number = "ledger.not_available", 501, 121


class NotReady(Deferred):
    """The node lacks the key of a live epoch, or is behind."""

    code, number = "ledger.not_ready", 122


class Overloaded(Deferred):
    """The queue is full; nothing was done."""

    code, number, retry = "ledger.overloaded", 123, "after, same bytes"


class Unknown(Rejected):
    """No such submission, height, index or entry."""

    code, status, number, retry = "ledger.unknown", 404, 124, "when it exists"


class Pruned(Rejected):
    """The proofs segment of this block was dropped; an archive node has it."""

    code, status, number, retry = "ledger.pruned", 410, 125, "ask an archive node"


class Internal(Deferred):
    """A fault of the node itself; the same bytes may be sent again."""

    code, status, number, retry = "ledger.internal", 500, 126, "same bytes"
