"""A reverse proxy: passes HTTP requests on to a server, and who sent them in X-Forwarded-For.

Its arguments are the port to listen at, and the server's host and port.
"""

import sys
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Proxy(BaseHTTPRequestHandler):
    def __init__(self, *arguments: Any, server_at: tuple[str, int]) -> None:
        self._server_at = server_at
        super().__init__(*arguments)

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        before = self.headers.get_all("X-Forwarded-For", [])
        fields = {"Content-Type": self.headers.get("Content-Type", "application/octet-stream")}
        fields["X-Forwarded-For"] = ", ".join([*before, self.client_address[0]])
        connection = HTTPConnection(*self._server_at)
        connection.request(self.command, self.path, body, fields)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        self.send_response(response.status)
        self.send_header("Content-Type", response.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _pass_on  # noqa: N815 - the names that the base class looks for


def main() -> None:
    port, host, host_port = sys.argv[1:]
    handler = partial(Proxy, server_at=(host, int(host_port)))
    with ThreadingHTTPServer(("0.0.0.0", int(port)), handler) as server:
        sys.stdout.write('{"event": "ready"}\n')
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
