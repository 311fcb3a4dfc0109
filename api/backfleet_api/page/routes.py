"""Serves the web page: static files with an ETag, under a content policy that allows nothing from elsewhere.

All addresses in the page are relative, so it works below a path of an Ingress.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from backfleet.core.errors import NotFound
from backfleet_api.page.facts import facts
from backfleet_api.page.files import PageFile, PageFiles

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'"
# A browser asks again for each file, and gets 304: a new version of Backfleet shows at once.
CACHE = "no-cache"
MISSING = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Backfleet</title>
</head>
<body>
<h1>This Backfleet has no page</h1>
<p>Its libraries are missing: run <code>make vendor</code>, then build the image again or restart the API.</p>
<p>The REST API works: <a href="docs">read and try it</a>.</p>
</body>
</html>
"""


def build_router(files: PageFiles) -> APIRouter:
    """Build the routes that serve these files."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def get_page(request: Request) -> Response:
        """Return the page, or 503 and what to do if its libraries are missing."""
        page = files.find("index.html")
        if page is None or not files.is_complete:
            policy = {"Content-Security-Policy": POLICY}
            return Response(MISSING, HTTPStatus.SERVICE_UNAVAILABLE, policy, "text/html; charset=utf-8")
        return _answer(request, page)

    @router.get("/favicon.ico")
    async def get_icon(request: Request) -> Response:
        """Return the icon, for what asks for it without having read the page."""
        return await get_file(request, "favicon.svg")

    @router.get("/page/facts.json")
    async def get_facts() -> Response:
        """Return metrics and criteria by name."""
        return Response(facts(), media_type="application/json", headers={"Cache-Control": CACHE})

    @router.get("/page/{name:path}")
    async def get_file(request: Request, name: str) -> Response:
        """Return a file of the page. Raise NotFound for any other."""
        found = files.find(name)
        if found is None:
            raise NotFound(f"the page has no file {name[:100]!a}")
        return _answer(request, found)

    return router


def _answer(request: Request, file: PageFile) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": CACHE, "Content-Security-Policy": POLICY}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")}
    if known & {file.tag, "*"}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)
