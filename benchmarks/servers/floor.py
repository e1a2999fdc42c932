"""What uvicorn and Starlette cost alone: every message goes back as it came."""

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks.servers.serve import arguments, serve, stats


async def echo(websocket: WebSocket) -> None:
    """Return media, and nothing else."""
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive_text()
            if '"media"' in message:
                await websocket.send_text(message)
    except WebSocketDisconnect:
        return


def main() -> None:
    _, port, _ = arguments()
    routes = [Route("/stats", stats), WebSocketRoute("/websocket/offer", echo)]
    serve(Starlette(routes=routes), port)


if __name__ == "__main__":
    main()
