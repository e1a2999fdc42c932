"""How both servers are served, so that nothing but the subject differs."""

import asyncio
import sys
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp


def arguments() -> tuple[str, int, Path]:
    """Handler, port and folder from the command line."""
    _, handler, port, folder = sys.argv
    return handler, int(port), Path(folder)


async def stats(_: Request) -> JSONResponse:
    """The number of asyncio tasks, which nobody can see from outside."""
    return JSONResponse({"tasks": len(asyncio.all_tasks())})


def serve(app: ASGIApp, port: int) -> None:
    """Serve on the loopback interface until killed."""
    uvicorn.run(app, host="127.0.0.1", port=port, loop="asyncio", http="h11", log_level="error")
