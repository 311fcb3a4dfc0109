"""The documentation page of the API: Swagger UI from a pinned package, so that it needs no internet.

The page has a content policy of its own. Nothing of it is inline, since the policy allows no inline script.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Depends, Response

from backfleet.core.errors import NotFound
from backfleet_api.http.query import no_query

PACKAGE = "fastapi_offline"
"""Only its files are used: a copy of Swagger UI."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
# Addresses are relative, so that the page works below a path of an Ingress.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Backfleet: REST API</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});
"""

router = APIRouter(include_in_schema=False, dependencies=[Depends(no_query)])


@router.get("/docs")
async def get_page() -> Response:
    """Return the page."""
    return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": POLICY})


@router.get("/docs/{name}")
async def get_file(name: str) -> Response:
    """Return a file of the page. Raise NotFound for any other."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in _FILES:
        raise NotFound(f"the documentation has no file {name[:100]!a}")
    return Response(_read(name), media_type=_FILES[name], headers={"Cache-Control": "public, max-age=3600"})


@cache
def _read(name: str) -> bytes:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise NotFound(f"the documentation page needs the package {PACKAGE}, which is not installed")
    return (Path(spec.submodule_search_locations[0]) / "static" / name).read_bytes()
