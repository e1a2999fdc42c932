"""aiortc and nothing else: an answer to every offer, every sound sent back as it was decoded."""

from aioice import ice
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.servers.serve import arguments, serve
from benchmarks.webrtc.loopback import addresses
from benchmarks.webrtc.servers.shared import endpoints

peers: set[RTCPeerConnection] = set()


async def offer(request: Request) -> JSONResponse:
    """Connect one client."""
    body = await request.json()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peers.add(peer)

    @peer.on("track")
    def on_track(track: MediaStreamTrack) -> None:
        peer.addTrack(track)

    @peer.on("connectionstatechange")
    async def on_change() -> None:
        if peer.connectionState in ("failed", "closed"):
            await peer.close()
            peers.discard(peer)

    await peer.setRemoteDescription(RTCSessionDescription(body["sdp"], body["type"]))
    await peer.setLocalDescription(await peer.createAnswer())
    local = peer.localDescription
    return JSONResponse({"sdp": local.sdp, "type": local.type})


def main() -> None:
    _, port, _ = arguments()
    ice.get_host_addresses = addresses
    routes = [Route(path, endpoint) for path, endpoint in endpoints().items()]
    serve(Starlette(routes=[Route("/webrtc/offer", offer, methods=["POST"]), *routes]), port)


if __name__ == "__main__":
    main()
