"""Stands for the gateway and for Dagster's services: answers, tells about itself, ends on request."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ignored = [s.name for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if s in IGNORED]
        body = json.dumps(
            {
                "pid": os.getpid(),
                "ignored": ignored,
                "variables": {k: v for k, v in os.environ.items() if k.startswith("SWEEPWORKS_")},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = 0, size: int | str = 0) -> None:
        pass


def end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


# Python itself asks only for SIGINT, and leaves it alone when it finds it ignored.
IGNORED = [s for s in signal.valid_signals() if signal.getsignal(s) is signal.SIG_IGN]

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--hold", action="store_true", help="end when the input ends")
    arguments = parser.parse_args()
    if arguments.hold:
        if os.environ.get("FAKE_GATEWAY") == "crash":
            sys.exit("ImportError: no module named 'flux'")
        threading.Thread(target=end_with_input, daemon=True).start()
    port: int | None = arguments.port
    if port is None:
        time.sleep(3600)
    else:
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
