"""The documentation under `/docs`: a folder that `make docs` built, or the page that says how to build one."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from w1bench.errors import InputError
from w1bench.site.links import linked_back

PATH = "/docs"
# Its scripts are files of its own, among them the search; data: is for the icons inside its style sheet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_MISSING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Documentation · w1bench</title>
<link rel="stylesheet" href="/static/style.css"></head>
<body><main><h1>Documentation</h1>
<p>This service was started without its documentation. Its operator builds it in a checkout and names the folder:</p>
<pre>make docs
W1BENCH_DOCS=build/docs w1bench serve</pre>
<p>Meanwhile, <a href="/openapi.json">openapi.json</a> describes the interface, and <a href="/">the board</a> is there.</p></main></body></html>
"""


class DocumentationFiles(StaticFiles):
    """The built pages, each with a way to the boards, under their own Content-Security-Policy."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        if Path(full_path).suffix != ".html":
            return super().file_response(full_path, stat_result, scope, status_code)
        return HTMLResponse(linked_back(Path(full_path).read_bytes(), "/"), status_code)


def mount(app: FastAPI, folder: Path | None) -> None:
    """Serve the documentation in `folder`, or the page on how to build it.

    Raises:
        InputError: the folder holds no built documentation.
    """
    if folder is not None and not (folder / "index.html").is_file():
        raise InputError(
            f"W1BENCH_DOCS is {folder}, which has no index.html; build the documentation (make docs), or leave it out."
        )

    async def begin(_: Request) -> Response:
        return HTMLResponse(_MISSING, 404) if folder is None else RedirectResponse(f"{PATH}/index.html", 307)

    app.add_route(PATH, begin, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_route(f"{PATH}/", begin, methods=["GET", "HEAD"], include_in_schema=False)
    if folder is not None:
        app.mount(PATH, DocumentationFiles(directory=folder), name="docs")
