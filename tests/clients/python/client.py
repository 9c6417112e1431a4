"""Lists a bucket and reads an object with the default credential chain."""

import hashlib
import os
import sys

import boto3


def main() -> None:
    bucket, key, expected = (os.environ[name] for name in ("BUCKET", "KEY", "EXPECT_SHA256"))
    s3 = boto3.client("s3")

    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    if key not in keys:
        sys.exit(f"{key} is not among the keys of {bucket}: {keys}")

    digest = hashlib.sha256()
    for chunk in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks():
        digest.update(chunk)
    if digest.hexdigest() != expected:
        sys.exit(f"sha256 is {digest.hexdigest()}, expected {expected}")
    print("ok")


if __name__ == "__main__":
    main()
