"""The doors of the auditor; all of them only read."""

from __future__ import annotations

import json
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from specie.app.auditor.figures import Figures

JSON = "application/json"
CHECKPOINT = "text/plain; charset=utf-8"


def auditor_routes(figures: Figures) -> list[Any]:
    """All routes, below /v1."""

    @get("/auditor/status")
    async def status() -> Response[bytes]:
        """How far each log was read, and how many findings are open."""
        return shown(await figures.status())

    @get("/auditor/findings")
    async def findings(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Everything found, oldest first, from the finding after `after`; emergencies stay for ever."""
        text = request.query_params.get("after", "")
        return shown(await figures.findings(int(text) if text.isdecimal() and len(text) < 19 else 0))

    @get("/auditor/supply")
    async def supply() -> Response[bytes]:
        """Issued, redeemed, cancelled, minted and outstanding, counted from signed objects alone."""
        return shown(await figures.supply())

    # SPEC ISSUANCE-15.2.1, ISSUANCE-17.3
    @get("/log/witnessed/{system:str}")
    async def witnessed(system: FromPath[str]) -> Response[bytes]:
        """The newest checkpoint of a system that this auditor has verified, with its cosignature; 404 before one."""
        data = await figures.witnessed(system)
        if data is None:
            raise NotFoundException
        return Response(data, media_type=CHECKPOINT)

    return [status, findings, supply, witnessed]


def shown(value: Any) -> Response[bytes]:
    """Plain values as JSON."""
    return Response(json.dumps(value, separators=(",", ":")).encode(), media_type=JSON)
