"""The real quilt3, told what to do by JSON lines on stdin, answering the same way.

Packages are written through ``Package.build`` and ``Package.push``; only the
time at which a version is pushed is set from outside, and S3 clients are built
once: quilt3 builds one for almost every request, which takes longer than the
request.
"""

import hashlib
import json
import os
import pathlib
import shutil
import sys

import boto3
import quilt3
import quilt3.backends.base
from quilt3.util import PhysicalKey

clients = {}


def client_of_its_kind(build, session, arguments):
    kind = arguments["config"].signature_version
    if kind not in clients:
        clients[kind] = build(session, arguments)
    return clients[kind]


quilt3.hooks.set_build_s3_client_hook(client_of_its_kind)
s3 = boto3.client("s3")


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


def opened(name, registry):
    return quilt3.Package.browse(name, registry=registry).top_hash


def bucket(name):
    s3.create_bucket(Bucket=name)


def copy(source, target):
    """A registry with the same history: what is older is written before, or keeps its time."""
    source, target = PhysicalKey.from_url(source), PhysicalKey.from_url(target)
    if target.is_local():
        shutil.copytree(source.path, target.path)
        return
    s3.create_bucket(Bucket=target.bucket)
    if source.is_local():
        files = [path for path in pathlib.Path(source.path).rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):
            key = path.relative_to(source.path).as_posix()
            s3.put_object(Bucket=target.bucket, Key=key, Body=path.read_bytes())
        return
    for entry in sorted(entries(source.bucket), key=lambda entry: entry["LastModified"]):
        origin = {"Bucket": source.bucket, "Key": entry["Key"]}
        s3.copy_object(Bucket=target.bucket, Key=entry["Key"], CopySource=origin)


def entries(bucket):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from page.get("Contents", ())


def objects(registry):
    """Everything in it with a digest, for comparison; directories end in a slash."""
    key = PhysicalKey.from_url(registry)
    if not key.is_local():
        return {entry["Key"]: entry["ETag"].strip('"') for entry in entries(key.bucket)}
    root = pathlib.Path(key.path)
    found = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_dir():
            found[name + "/"] = None
        else:
            found[name] = hashlib.md5(path.read_bytes()).hexdigest()
    return found


DO = {
    function.__name__: function
    for function in (build, push, listed, versions, delete, resolve, opened, bucket, copy, objects)
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
