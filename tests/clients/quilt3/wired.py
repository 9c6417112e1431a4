#!/usr/bin/env python3
"""The real quilt3, used as anybody would, for some seconds in one process.

    wired.py --catalog URL [--name NAME] [--seconds N]
    wired.py --catalog URL --login | --configure | --api-key

Reads the SDK's files where they are; logs in nowhere. Does everything that needs a login, again
and again, and prints how often. With --login, logs in with the code on stdin instead and ends; with
--configure, does what a notebook begins with; with --api-key, uses the key on stdin and prints whose
it is.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time

os.environ["QUILT_DISABLE_USAGE_METRICS"] = "True"
os.environ["QUILT_MINIMIZE_STDOUT"] = "true"

import quilt3  # noqa: E402
import quilt3.admin.api_keys  # noqa: E402


def everything(options, number):
    assert quilt3.logged_in() == options.catalog, quilt3.logged_in()

    session = quilt3.get_boto3_session(fallback=False)
    bucket = options.registry.removeprefix("s3://")
    body = session.client("s3").get_object(Bucket=bucket, Key="hello.txt")["Body"].read()
    assert b"Hello" in body, body

    key, secret = quilt3.api_keys.create(f"{options.name}-{number}", expires_in_days=7)
    assert secret.startswith("qk_")
    assert quilt3.api_keys.get(key.id).name == key.name
    assert key.id in [other.id for other in quilt3.admin.api_keys.list()]
    quilt3.api_keys.revoke(id=key.id)
    assert quilt3.admin.api_keys.get(key.id) is None

    hits = quilt3.search("iris", limit=5)
    assert any(hit["_source"]["key"] == "data/iris.csv" for hit in hits), hits
    try:
        quilt3.search({"query": {"nonsense": {}}})
        raise AssertionError("a search that makes no sense was answered")
    except quilt3.util.QuiltException as error:
        assert "unknown query" in str(error), error

    name = f"wired/{options.name}"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "number.txt")
        with open(path, "w", encoding="utf-8") as file:
            # Nobody else's content: quilt3 caches manifests by their hash, under one temporary name.
            file.write(f"{name} {number}")
        package = quilt3.Package().set("number.txt", path)
        pushed = package.push(name, options.registry, force=True)
    browsed = quilt3.Package.browse(name, options.registry)
    assert browsed.top_hash == pushed.top_hash
    assert browsed["number.txt"]() == f"{name} {number}", browsed["number.txt"]()
    assert name in list(quilt3.list_packages(options.registry))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--registry", default="s3://demo-bucket")
    parser.add_argument("--name", default="one")
    parser.add_argument("--seconds", type=float, default=0, help="begin the last round after these")
    parser.add_argument("--login", action="store_true")
    parser.add_argument("--configure", action="store_true")
    parser.add_argument("--api-key", action="store_true")
    options = parser.parse_args()
    if options.login:
        quilt3.config(options.catalog)
        quilt3.session.login_with_token(sys.stdin.read().strip())
        return
    if options.configure:
        quilt3.config(options.catalog)
        return
    if options.api_key:
        quilt3.login_with_api_key(sys.stdin.read().strip())
        print(quilt3.api_keys.list()[0].user_email)
        return
    end, number = time.monotonic() + options.seconds, 0
    while True:
        late = time.monotonic() >= end
        with contextlib.redirect_stdout(sys.stderr):
            everything(options, number)
        number += 1
        print(number, flush=True)
        if late:
            return


main()
