"""JSON figures, both ways: what `GET /v1/quotas` and `GET /v1/issues` answer."""

from __future__ import annotations

from typing import Any

from specie.issuance.api import BucketFigures, IssueView, Quotas


def quotas_json(quotas: Quotas) -> dict[str, Any]:
    """Plain values; figures are minor units, or a number of requests for the kind count."""
    return {
        "system": quotas.system,
        "at": quotas.at_s,
        "policy_version": quotas.policy_version,
        "buckets": [{name: getattr(bucket, name) for name in BucketFigures.__slots__} for bucket in quotas.buckets],
        "reserved_expired": dict(quotas.reserved_expired),
    }


def quotas_of(value: dict[str, Any]) -> Quotas:
    return Quotas(
        value["system"],
        value["at"],
        value["policy_version"],
        tuple(BucketFigures(**bucket) for bucket in value["buckets"]),
        value["reserved_expired"],
    )


def issue_json(view: IssueView, digits: int) -> dict[str, Any]:
    """An issue as its operators see it."""
    from specie.kernel.amount import format_minor

    return {
        "id": view.id.hex(),
        "request": view.cti.hex(),
        "request_hash": view.request_hash.hex(),
        "state": view.state,
        "amount": {"currency": view.currency, "value": format_minor(view.amount, digits)},
        "units": view.units,
        "code": view.code,
        "detail": view.detail,
    }


def issue_of(value: dict[str, Any], digits: int) -> IssueView:
    from specie.kernel.amount import parse_minor

    return IssueView(
        bytes.fromhex(value["id"]),
        bytes.fromhex(value["request"]),
        value["state"],
        value["amount"]["currency"],
        parse_minor(value["amount"]["value"], digits),
        value["code"],
        value["detail"],
        value["units"],
        bytes.fromhex(value["request_hash"]),
    )
