"""What the three systems ask of each other and of the rooms to their left.

Each protocol is implemented by an engine (in process) and by an HTTP client; `peer` is the caller's system id in
process and is left out by clients, whose certificate speaks for them. Batch calls answer item by item: a refused item
is an exception in its place, and the others go on.
"""

from specie.issuance.api.answers import (
    Bit,
    BucketFigures,
    Closed,
    Delivered,
    Granted,
    Held,
    IssueView,
    MintNote,
    Order,
    Pending,
    Quotas,
    Refusal,
    Report,
    Solvency,
    Traced,
    Verdict,
)
from specie.issuance.api.ports import Anchor, Booked, Registration, Registry, RegistryBooks
from specie.issuance.api.systems import CentralManagement, IssuanceSystem, Log, QuotaControl, Rules
from specie.issuance.messages.parcel import Parcel

__all__ = [
    "Anchor",
    "Bit",
    "Booked",
    "BucketFigures",
    "CentralManagement",
    "Closed",
    "Delivered",
    "Granted",
    "Held",
    "IssuanceSystem",
    "IssueView",
    "Log",
    "MintNote",
    "Order",
    "Parcel",
    "Pending",
    "QuotaControl",
    "Quotas",
    "Refusal",
    "Registration",
    "Registry",
    "RegistryBooks",
    "Report",
    "Rules",
    "Solvency",
    "Traced",
    "Verdict",
]
