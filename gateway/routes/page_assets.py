"""What pages load: scripts and style sheets, under addresses that say what is in them."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from gateway.html import ASSETS, asset, asset_version

_TYPES = {"js": "text/javascript", "css": "text/css"}

router = APIRouter(include_in_schema=False)


@router.get("/assets/{version}/{name}")
def get_asset(version: str, name: str) -> Response:
    """A script or a style sheet; its address says what is in it."""
    if name not in ASSETS or version != asset_version(name):
        raise HTTPException(status_code=404, detail="there is no such file")
    return Response(
        asset(name),
        media_type=_TYPES[name.rpartition(".")[2]],
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
        },
    )
