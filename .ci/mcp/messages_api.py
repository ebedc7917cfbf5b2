"""A loopback stand-in of the Messages API that plays a model: it searches, reads the first hit, and answers:
`messages_api.py LOG`. Prints its port. Every request is kept in LOG, a line each: what the model would have seen."""

import json
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEARCH, READ = "mcp__quarry__search_code", "mcp__quarry__get_code"


def results(messages: list) -> list[str]:
    """The texts of all tool results so far."""
    texts = []
    for message in messages:
        blocks = message["content"] if isinstance(message["content"], list) else []
        for block in blocks:
            if block.get("type") == "tool_result":
                content = block["content"]
                texts.append(content if isinstance(content, str) else "".join(part.get("text", "") for part in content))
    return texts


def next_block(request: dict) -> dict:
    tools = {tool.get("name") for tool in request.get("tools", [])}
    if SEARCH not in tools:
        return {"type": "text", "text": "ok"}
    seen = results(request["messages"])
    if not seen:
        return {"type": "tool_use", "id": "toolu_1", "name": SEARCH, "input": {"query": "claim a job for a worker"}}
    if len(seen) == 1:
        reference = json.loads(seen[0])["hits"][0]["ref"]
        return {"type": "tool_use", "id": "toolu_2", "name": READ, "input": {"ref": reference}}
    return {"type": "text", "text": "A job is claimed in " + json.loads(seen[1])["path"]}


def events(block: dict):
    empty = {"type": "text", "text": ""} if block["type"] == "text" else {**block, "input": {}}
    if block["type"] == "text":
        delta = {"type": "text_delta", "text": block["text"]}
    else:
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    usage = {"input_tokens": 1, "output_tokens": 1}
    message = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": "stand-in", "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": usage}
    stop = "end_turn" if block["type"] == "text" else "tool_use"
    yield {"type": "message_start", "message": message}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with open(sys.argv[1], "a") as log:
            log.write(json.dumps(request) + "\n")
        if self.path.startswith("/v1/messages/count_tokens"):
            self.answer("application/json", json.dumps({"input_tokens": 1}))
            return
        block = next_block(request)
        if request.get("stream"):
            lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(block))
            self.answer("text/event-stream", "".join(lines))
        else:
            message = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "model": "stand-in", "content": [block],
                       "stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn", "stop_sequence": None,
                       "usage": {"input_tokens": 1, "output_tokens": 1}}
            self.answer("application/json", json.dumps(message))

    def do_HEAD(self) -> None:
        self.answer("text/plain", "")

    do_GET = do_HEAD

    def answer(self, kind: str, body: str) -> None:
        data = body.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
