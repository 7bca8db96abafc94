"""Quota control: counts in real time and signs control bits (step 5)."""

from specie.issuance.engine.quota_control.system import QuotaControlEngine

__all__ = ["QuotaControlEngine"]
