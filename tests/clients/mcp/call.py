#!/usr/bin/env python3
"""Calls tools of Quilt's MCP server, which is started as an MCP client does, over stdio.

    call.py [SERVER-OPTION…] < CALLS

Each line of stdin is `["tool", NAME, ARGUMENTS]` or `["resource", URI]`; each answer is a line of
JSON on stdout. The environment is passed on as it is.
"""

import asyncio
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

from fastmcp import Client  # noqa: E402
from fastmcp.client.transports import StdioTransport  # noqa: E402


def text_of(parts):
    return "\n".join(part.text for part in parts if hasattr(part, "text"))


async def main():
    server = os.path.join(os.path.dirname(sys.executable), "quilt-mcp")
    arguments = ["--skip-banner", *sys.argv[1:]]
    async with Client(StdioTransport(server, arguments, env=dict(os.environ))) as client:
        for line in sys.stdin:
            match json.loads(line):
                case ["tool", name, arguments]:
                    result = await client.call_tool(name, arguments, raise_on_error=False)
                    answer = {"failed": result.is_error, "text": text_of(result.content)}
                case ["resource", uri]:
                    answer = {"failed": False, "text": text_of(await client.read_resource(uri))}
            print(json.dumps(answer), flush=True)


asyncio.run(main())
