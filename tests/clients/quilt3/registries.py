"""Drives a quilt3 that speaks to several registries through two gateway addresses in one process.

quilt3 8.1.0a3 moves data in threads that know nothing of `use_registry_url`; unless --as-it-is, they
are given the context of whoever starts them. For every address, one JSON line: who it says one is, the access keys of its AWS credentials, a
listing of packages, an entry of one, search hits, or the error in place of each.
"""

import argparse
import concurrent.futures
import contextlib
import contextvars
import json
import os
import sys
import tempfile

os.environ["QUILT_DISABLE_USAGE_METRICS"] = "True"
os.environ["QUILT_MINIMIZE_STDOUT"] = "true"

import quilt3  # noqa: E402
from quilt3 import data_transfer, session  # noqa: E402
from quilt3.session import use_registry_url  # noqa: E402



class InContext(concurrent.futures.ThreadPoolExecutor):
    def submit(self, call, /, *args, **kwargs):
        return super().submit(contextvars.copy_context().run, call, *args, **kwargs)


ME = "query me { me { email } }"


def attempt(call):
    try:
        return call()
    except Exception as error:  # what it says is what the test looks at
        return f"{type(error).__name__}: {error}"


def email(url):
    answer = session.get_session().post(f"{url}/graphql", json={"query": ME})
    answer.raise_for_status()
    return answer.json()["data"]["me"]["email"]


def access_key():
    boto3 = session.get_boto3_session(fallback=False)
    return boto3.get_credentials().get_frozen_credentials().access_key


def read(bucket):
    s3 = session.get_boto3_session(fallback=False).client("s3")
    return s3.get_object(Bucket=bucket, Key="hello.txt")["Body"].read().decode()


def everything(url, options, name):
    registry = f"s3://{options.bucket}"
    with use_registry_url(url), contextlib.redirect_stdout(sys.stderr):
        return {
            "url": url,
            "logged_in": attempt(lambda: bool(quilt3.logged_in())),
            "email": attempt(lambda: email(url)),
            "access_key": attempt(access_key),
            "object": attempt(lambda: read(options.bucket)),
            "pushed": attempt(lambda: push(name, registry)),
            "packages": attempt(lambda: sorted(quilt3.list_packages(registry))),
            "browsed": attempt(lambda: quilt3.Package.browse(name, registry)["text.txt"]()),
            "hits": attempt(lambda: len(quilt3.search("hello"))),
        }


def push(name, registry):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(name)
        package = quilt3.Package().set("text.txt", path)
        return bool(package.push(name, registry, force=True).top_hash)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bucket", default="demo-bucket")
    parser.add_argument("--as-it-is", action="store_true")
    parser.add_argument("--rounds", type=int, default=1, help="one for each line read")
    parser.add_argument("--at", nargs=2, action="append", metavar=("ADDRESS", "S3"))
    options = parser.parse_args()
    if not options.as_it_is:
        data_transfer.ThreadPoolExecutor = InContext
    for number in range(options.rounds):
        if number:
            sys.stdin.readline()
        for index, (url, s3) in enumerate(options.at):
            # Each of the tests' stacks has an S3 of its own.
            os.environ["AWS_ENDPOINT_URL_S3"] = s3
            print(json.dumps(everything(url, options, f"both/p{index}")), flush=True)


main()
