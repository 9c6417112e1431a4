#!/usr/bin/env python3
"""Calls tools of Quilt's MCP server, which is started as an MCP client does, over stdio; or over
HTTP where `MCP_HEADER` is set: then it is asked with that `Authorization`, if that is not empty.

    call.py [SERVER-OPTION…] < CALLS

Each line of stdin is `["tool", NAME, ARGUMENTS]` or `["resource", URI]`; each answer is a line of
JSON on stdout. The environment is passed on as it is.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")

from fastmcp import Client  # noqa: E402
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport  # noqa: E402


def text_of(parts):
    return "\n".join(part.text for part in parts if hasattr(part, "text"))


@contextlib.asynccontextmanager
async def served(command, header):
    """The server as a daemon of its own, once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {"FASTMCP_HOST": "127.0.0.1", "FASTMCP_PORT": str(port)}
    server = subprocess.Popen(command, env={**os.environ, **own}, stdout=sys.stderr)
    try:
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            if server.poll() is not None:
                sys.exit(f"the server ended with {server.returncode}")
            await asyncio.sleep(0.05)
        headers = {"Authorization": header} if header else {}
        yield StreamableHttpTransport(f"http://127.0.0.1:{port}/mcp", headers=headers)
    finally:
        server.terminate()
        server.wait()


@contextlib.asynccontextmanager
async def transport():
    server = os.path.join(os.path.dirname(sys.executable), "quilt-mcp")
    arguments = ["--skip-banner", *sys.argv[1:]]
    header = os.environ.pop("MCP_HEADER", None)
    if header is None:
        yield StdioTransport(server, arguments, env=dict(os.environ))
        return
    async with served([server, *arguments], header) as http:
        yield http


async def main():
    async with transport() as way, Client(way) as client:
        for line in sys.stdin:
            match json.loads(line):
                case ["tool", name, arguments]:
                    result = await client.call_tool(name, arguments, raise_on_error=False)
                    answer = {"failed": result.is_error, "text": text_of(result.content)}
                case ["resource", uri]:
                    answer = {"failed": False, "text": text_of(await client.read_resource(uri))}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
