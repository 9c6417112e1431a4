#!/usr/bin/env python3
"""What the real quilt3 sees of API keys, as JSON on stdout.

    check_api_keys.py list|admin-list|get ID|admin-get ID|revoke ID|create NAME

Logs in with the API key on stdin, in a throw-away home, to QUILT_CATALOG.
"""

import dataclasses
import json
import os
import sys
import tempfile

os.environ["HOME"] = os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
os.environ["QUILT_DISABLE_USAGE_METRICS"] = "True"

import quilt3  # noqa: E402
import quilt3.admin.api_keys  # noqa: E402


def plain(key):
    return None if key is None else {
        name: value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else value
        for name, value in dataclasses.asdict(key).items()
    }


def main():
    quilt3.config(os.environ["QUILT_CATALOG"])
    quilt3.login_with_api_key(sys.stdin.read().strip())
    match sys.argv[1:]:
        case ["list"]:
            answer = [plain(key) for key in quilt3.api_keys.list()]
        case ["admin-list"]:
            answer = [plain(key) for key in quilt3.admin.api_keys.list()]
        case ["get", key_id]:
            answer = plain(quilt3.api_keys.get(key_id))
        case ["admin-get", key_id]:
            answer = plain(quilt3.admin.api_keys.get(key_id))
        case ["revoke", key_id]:
            answer = quilt3.api_keys.revoke(id=key_id)
        case ["create", name]:
            key, secret = quilt3.api_keys.create(name)
            answer = {"api_key": plain(key), "secret": secret}
        case _:
            sys.exit(__doc__)
    json.dump(answer, sys.stdout)


main()
