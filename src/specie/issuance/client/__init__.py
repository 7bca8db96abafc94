"""The three systems over HTTP: the same protocols as the engines, answered by another process."""

from specie.issuance.client.central_management import CentralManagementClient
from specie.issuance.client.issuance_system import IssuanceSystemClient
from specie.issuance.client.quota_control import QuotaControlClient

__all__ = ["CentralManagementClient", "IssuanceSystemClient", "QuotaControlClient"]
