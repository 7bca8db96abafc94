"""Everything of one issue that a system has, with its places in the log."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from specie.crypto import cose
from specie.issuance.api import Traced
from specie.issuance.engine.desk import Desk, assemble
from specie.issuance.errors import ChannelMismatch
from specie.issuance.store import tracing as store
from specie.kernel.db import Transaction

Look = Callable[[Transaction, bytes], store.Found]


# SPEC ISSUANCE-6.3.3
async def trace(desk: Desk, look: Look, ident: bytes, peer: str | None) -> list[Traced]:
    """All objects of one issue, in the order of the log; nothing where the id is unknown.

    Raises ChannelMismatch for a caller with the certificate of another system: an unsealed credential is for the
    operators of this system alone.
    """
    if peer is not None and peer != desk.me:
        raise ChannelMismatch("only the operators of this system may look into its archive")
    return await desk.database.read(lambda tx: _trace(tx, look, ident))


def _trace(tx: Transaction, look: Look, ident: bytes) -> list[Traced]:
    found = look(tx, ident)
    datas = found.datas + [assemble(row, row.signature) for row in found.own if row.signature]
    names = {data: names_of(data) for data in datas}
    leaves = store.leaves_naming(tx, [name for each in names.values() for name in each] + found.names)
    traced = []
    for data in datas:
        leaf = next((leaves[name] for name in names[data] if name in leaves), None)
        traced.append(Traced(data, leaf.sequence, leaf.at_s, leaf.event) if leaf else Traced(data, 0, 0, ""))
    bare = [leaves[name] for name in found.names if name in leaves]
    traced += [Traced(b"", leaf.sequence, leaf.at_s, leaf.event) for leaf in bare]
    return traced


def names_of(data: bytes) -> tuple[bytes, bytes]:
    """How a log may name these bytes: by themselves (received), or by what was signed (made here)."""
    (parsed,) = cose.parse_sign1_many([data])
    tbs = parsed.tbs if parsed.status == cose.OK else b""
    return sha256(data).digest(), sha256(tbs).digest()
