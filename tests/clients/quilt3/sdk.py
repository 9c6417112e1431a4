"""The real quilt3, told what to do by JSON lines on stdin, answering the same way.

Packages are written through ``Package.build`` and ``Package.push``; only the
time at which a version is pushed is set from outside.
"""

import json
import os
import pathlib
import shutil
import sys

import boto3
import quilt3
import quilt3.backends.base
from quilt3.util import PhysicalKey


def build(name, registry, content, at):
    quilt3.backends.base.time.time = lambda: at
    package = quilt3.Package()
    package.set_meta({"content": content})
    return package.build(name, registry=registry)


def push(name, registry, content, at):
    quilt3.backends.base.time.time = lambda: at
    package = quilt3.Package()
    file = pathlib.Path(f"data-{content}.txt")
    file.write_text(str(content))
    package.set("data.txt", str(file.absolute()))
    return package.push(name, registry=registry, force=True).top_hash


def listed(registry):
    return list(quilt3.list_packages(registry))


def versions(name, registry):
    return [list(version) for version in quilt3.list_package_versions(name, registry)]


def delete(name, registry, top_hash=None):
    quilt3.delete_package(name, registry, top_hash)


def resolve(name, registry, prefix):
    return quilt3.Package.resolve_hash(name, registry, prefix)


def bucket(name):
    boto3.client("s3").create_bucket(Bucket=name)


def copytree(source, target):
    shutil.copytree(source, target)


def objects(registry):
    """Everything under .quilt/, for comparison; directories end in a slash."""
    key = PhysicalKey.from_url(registry)
    found = {}
    if key.is_local():
        root = pathlib.Path(key.path)
        for path in root.rglob("*"):
            name = path.relative_to(root).as_posix()
            found[name + "/" if path.is_dir() else name] = (
                None if path.is_dir() else path.read_text()
            )
        return found
    client = boto3.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=key.bucket, Prefix=".quilt/"):
        for entry in page.get("Contents", ()):
            body = client.get_object(Bucket=key.bucket, Key=entry["Key"])["Body"].read()
            found[entry["Key"]] = body.decode()
    return found


DO = {
    function.__name__: function
    for function in (build, push, listed, versions, delete, resolve, bucket, copytree, objects)
}

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = {"ok": DO[command.pop("do")](**command)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
