"""Which payload a request id was used for (KMS-6.12)."""

from collections.abc import Sequence
from hashlib import sha256

from specie.kms.errors import PolicyDenied, ReqIdReused
from specie.kms.messages import PayloadKind

REQ_ID_BYTES = 16
REMEMBERED_MAX = 100_000


class RequestMemory:
    """The last 100,000 request ids of one key, in this process only.

    A restart forgets them: a file key signs deterministically and charges nothing, so a repeat can only give
    the same signature again, and a caller who reuses an id for another payload is caught while both are
    remembered.
    """

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._digests: dict[bytes, bytes] = {}
        self._remembered_max = remembered_max

    # SPEC KMS-6.12
    def admit(self, items: Sequence[tuple[PayloadKind, bytes, bytes]]) -> None:
        """Remember all of the requests, or none if one is refused. Raises PolicyDenied, ReqIdReused."""
        fresh: dict[bytes, bytes] = {}
        for index, (kind, payload, req_id) in enumerate(items):
            if len(req_id) != REQ_ID_BYTES:
                raise PolicyDenied("a request id has 16 bytes", index=index)
            digest = sha256(kind.encode() + b"\0" + payload).digest()
            known = self._digests.get(req_id) or fresh.get(req_id)
            if known is None:
                fresh[req_id] = digest
            elif known != digest:
                raise ReqIdReused(f"request {req_id.hex()} was for another payload", index=index)
        self._digests.update(fresh)
        while len(self._digests) > self._remembered_max:
            del self._digests[next(iter(self._digests))]
