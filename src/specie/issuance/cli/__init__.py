"""The commands of this room: issue, quota, supply for people; issuance for operators."""

from specie.issuance.cli.issue import issue
from specie.issuance.cli.operate import issuance
from specie.issuance.cli.quotas import quota
from specie.issuance.cli.supplies import supply

__all__ = ["issuance", "issue", "quota", "supply"]
