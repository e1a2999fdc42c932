"""FastRTC 0.0.34 as published, run by the Python of its own environment, without ICE servers."""

import importlib
from typing import Any

from aioice import ice

from benchmarks.gradio.servers.common import OPTIONS, echo, serve
from benchmarks.webrtc.loopback import addresses

# The type checker would look into this project's own package of the same name.
fastrtc: Any = importlib.import_module("fastrtc")


def page() -> Any:
    """The stream's."""
    handler = echo(fastrtc.AsyncStreamHandler)
    return fastrtc.Stream(handler, **OPTIONS, server_rtc_configuration={"iceServers": []}).ui


def main() -> None:
    ice.get_host_addresses = addresses
    serve(page)


if __name__ == "__main__":
    main()
