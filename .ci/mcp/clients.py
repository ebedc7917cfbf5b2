"""Python clients of other people against the server: `clients.py mcp|fastmcp URL COMMAND…`. Each is driven over HTTP and
over standard input and output: a call, an error's text, progress while a job is waited for, and giving up."""

import asyncio
import contextlib
import json
import sys

QUERY = "claim a job for a worker"


async def check_mcp(url: str, command: list[str]) -> None:
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    stdio = stdio_client(StdioServerParameters(command=command[0], args=command[1:], env=inherited()))
    for name, target in {"http": url, "stdio": stdio}.items():
        async with Client(target) as client:
            found = await client.call_tool("search_code", {"query": QUERY})
            report(f"mcp {name}", found.structured_content, bool(found.is_error))
            refused = await client.call_tool("search_code", {"qurey": QUERY})
            expect_refusal(f"mcp {name}", bool(refused.is_error), refused.content[0].text)

            notes: list[str] = []

            async def note(progress: float, total: float | None, message: str | None) -> None:
                notes.append(message or "")

            async def wait() -> None:
                await client.call_tool("index_repository", {"path": ".", "wait_s": 30, "mode": "full"}, progress_callback=note)

            await expect_progress_and_give_up(f"mcp {name}", wait, notes)
            again = await client.call_tool("list_jobs", {"limit": 1})
            print(f"mcp {name}: serves on after giving up: {again.structured_content['jobs'][0]['state']}")


async def check_fastmcp(url: str, command: list[str]) -> None:
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport
    from fastmcp.exceptions import ToolError

    stdio = StdioTransport(command=command[0], args=command[1:], env=inherited())
    for name, target in {"http": url, "stdio": stdio}.items():
        async with Client(target) as client:
            found = await client.call_tool("search_code", {"query": QUERY})
            report(f"fastmcp {name}", found.structured_content, found.is_error)
            try:
                await client.call_tool("search_code", {"qurey": QUERY})
                raise SystemExit("fastmcp: an unknown argument was taken")
            except ToolError as error:
                expect_refusal(f"fastmcp {name}", True, str(error))

            notes: list[str] = []

            async def note(progress: float, total: float | None, message: str | None) -> None:
                notes.append(message or "")

            async def wait() -> None:
                arguments = {"path": ".", "wait_s": 30, "mode": "full"}
                await client.call_tool("index_repository", arguments, progress_handler=note)

            await expect_progress_and_give_up(f"fastmcp {name}", wait, notes)
            again = await client.call_tool("list_jobs", {"limit": 1})
            print(f"fastmcp {name}: serves on after giving up: {again.structured_content['jobs'][0]['state']}")


def inherited() -> dict[str, str]:
    import os

    return dict(os.environ)


def report(who: str, answer: dict, failed: bool) -> None:
    assert not failed, f"{who}: {answer}"
    hit = answer["hits"][0]
    assert hit["path"] == "src/claim.rs", f"{who}: {json.dumps(answer)}"
    print(f"{who}: {hit['path']}:{hit['lines']}")


def expect_refusal(who: str, refused: bool, text: str) -> None:
    assert refused and "takes no argument `qurey`" in text, f"{who}: {text}"
    print(f"{who}: {text}")


async def expect_progress_and_give_up(who: str, wait, notes: list[str]) -> None:
    """The job cannot end: the worker of this check is stopped. So the call goes on until it is given up."""
    task = asyncio.ensure_future(wait())
    for _ in range(200):
        await asyncio.sleep(0.05)
        if notes or task.done():
            break
    assert notes, f"{who}: no progress note within 10 s"
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    print(f"{who}: progress {notes[0]!r}, then given up")


if __name__ == "__main__":
    which, address, *program = sys.argv[1:]
    asyncio.run({"mcp": check_mcp, "fastmcp": check_fastmcp}[which](address, program))
