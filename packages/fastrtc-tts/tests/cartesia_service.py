"""Speaks like Cartesia's HTTP interface, as a program: prints its port, and serves until it ends.

A tone for each text, as long as the text: an empty one has no sound.
"""

import json
import math
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 5001  # bytes: cuts in the midst of a sample
LETTER = 0.06  # seconds of sound


class Handler(BaseHTTPRequestHandler):
    """Answers ``/tts/bytes``."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Send the sound in chunks."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        samples = round(asked["output_format"]["sample_rate"] * LETTER * len(asked["transcript"]))
        sound = struct.pack(f"<{samples}f", *(0.3 * math.sin(n / 10) for n in range(samples)))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # models live as long as the process, not these
        self.end_headers()
        try:
            for start in range(0, len(sound), PIECE):
                piece = sound[start : start + PIECE]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the client has heard enough
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
