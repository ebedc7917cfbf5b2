"""Clients of the server as agents are: one over standard input and output, one over HTTP on a connection that is kept."""
import http.client
import json
import subprocess
import threading
import time
import urllib.parse

OPENER = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "load", "version": "1"},
}


class Answer:
    """What came of a call and how long it took."""

    def __init__(self, started: float, result: dict):
        self.started = started
        self.seconds = time.monotonic() - started
        self.failed = bool(result.get("isError", True))
        self.text = result["content"][0]["text"] if result.get("content") else json.dumps(result)

    @property
    def ended(self) -> float:
        return self.started + self.seconds


class Stdio:
    """A server of its own, started by the client."""

    def __init__(self, command: list[str], environment: dict, directory: str):
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, env=environment, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=0,
        )
        self._lines = self.process.stdout
        self._last_id = 0
        self._ask("initialize", OPENER)
        self.greeted_s = time.monotonic() - self.started
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, tool: str, arguments: dict) -> Answer:
        started = time.monotonic()
        return Answer(started, self._ask("tools/call", {"name": tool, "arguments": arguments}))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)

    def _ask(self, method: str, params: dict) -> dict:
        self._last_id += 1
        self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        while True:
            message = json.loads(self._line())
            if message.get("id") == self._last_id:
                return message.get("result") or message["error"]

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            read = self._lines.read(1 << 16)
            if not read:
                raise SystemExit("the server ended")
            line += read
        return line.splitlines()[-1]

    def _send(self, message: dict) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")


class HttpServer:
    """`quarry mcp --http` at a port that is free."""

    def __init__(self, quarry: str, environment: dict, directory: str):
        self.process = subprocess.Popen(
            [quarry, "mcp", "--http", "127.0.0.1:0"], env=environment, cwd=directory, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        while "serving MCP at " not in (line := self.process.stderr.readline()):
            if not line:
                raise SystemExit("the server ended")
        self.address = urllib.parse.urlsplit(line.split("serving MCP at ")[1].split()[0]).netloc
        # A log that nobody reads would block the server.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Http:
    """A client of a running server."""

    def __init__(self, address: str):
        self._connection = http.client.HTTPConnection(address, timeout=60)
        self._headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        self._last_id = 0
        self._ask("initialize", OPENER)

    def call(self, tool: str, arguments: dict) -> Answer:
        started = time.monotonic()
        return Answer(started, self._ask("tools/call", {"name": tool, "arguments": arguments}))

    def _ask(self, method: str, params: dict) -> dict:
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        self._connection.request("POST", "/mcp", json.dumps(message).encode(), self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            return {"isError": True, "content": [{"text": f"HTTP {response.status}: {body.decode(errors='replace')}"}]}
        if session := response.headers.get("mcp-session-id"):
            self._headers["mcp-session-id"] = session
        answer = json.loads(body)
        return answer.get("result") or answer["error"]
