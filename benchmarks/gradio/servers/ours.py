"""This library as its wheels install it, with its defaults."""

from benchmarks.gradio.servers.common import OPTIONS, echo, serve
from fastrtc import AsyncStreamHandler, Stream


def main() -> None:
    serve(lambda: Stream(echo(AsyncStreamHandler), **OPTIONS).ui)


if __name__ == "__main__":
    main()
