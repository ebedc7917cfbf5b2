#!/usr/bin/env python3
"""An embedding endpoint in the OpenAI form that takes its time: `slow_endpoint.py MILLISECONDS` prints its URL and serves.

Every request takes that long, however many texts it has, and any number are served at once: what is measured with it is how
many requests a queue keeps in flight, not how fast Python is. A text always has the same vector.
"""
import http.server
import json
import sys
import time
import zlib

DIMENSIONS = 16
VECTORS = [json.dumps([((n >> bit) & 1) - 0.4 for bit in range(DIMENSIONS)]) for n in range(4096)]


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    takes_s = 0.05

    def do_GET(self) -> None:
        self.answer(b'{"data": [{"id": "slow-16"}]}')

    def do_POST(self) -> None:
        started = time.monotonic()
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        vectors = (VECTORS[zlib.crc32(text.encode()) % len(VECTORS)] for text in texts)
        data = ",".join(f'{{"index":{index},"embedding":{vector}}}' for index, vector in enumerate(vectors))
        time.sleep(max(0.0, self.takes_s - (time.monotonic() - started)))
        self.answer(f'{{"model":"slow-16","data":[{data}]}}'.encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    Endpoint.takes_s = float(sys.argv[1]) / 1000
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
