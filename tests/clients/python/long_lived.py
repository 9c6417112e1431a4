"""Reads an object again and again in one process, and counts what went wrong.

One client for the whole run, as a notebook or a service has: boto3 alone decides
when to ask for new credentials. Takes READ_SECONDS (how long) and READ_INTERVAL
(seconds between reads, default 1) beside what `client.py` takes.

Prints one JSON line: {"reads", "failures", "credential_changes", "errors"}. Exits
non-zero if a read failed.
"""

import hashlib
import json
import os
import sys
import time

import boto3
from botocore.config import Config

ERRORS_SHOWN = 5


class Reader:
    def __init__(self, bucket: str, key: str, expected: str) -> None:
        # A retry would hide a refused request.
        self.s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
        self.bucket, self.key, self.expected = bucket, key, expected
        self.reads = self.credential_changes = 0
        self.errors: list[str] = []
        self.access_key: str | None = None
        self.s3.meta.events.register("before-sign.s3", self._before_sign)

    def _before_sign(self, request_signer, **_: object) -> None:
        access_key = request_signer._credentials.get_frozen_credentials().access_key
        if self.access_key not in (None, access_key):
            self.credential_changes += 1
        self.access_key = access_key

    def read(self) -> None:
        self.reads += 1
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
            found = hashlib.sha256(body).hexdigest()
            if found != self.expected:
                self.errors.append(f"sha256 is {found}")
        except Exception as error:  # whatever it is, it is a failed read
            self.errors.append(f"{type(error).__name__}: {error}")

    def summary(self) -> dict[str, object]:
        return {
            "reads": self.reads,
            "failures": len(self.errors),
            "credential_changes": self.credential_changes,
            "errors": self.errors[:ERRORS_SHOWN],
        }


def main() -> None:
    reader = Reader(*(os.environ[name] for name in ("BUCKET", "KEY", "EXPECT_SHA256")))
    interval = float(os.environ.get("READ_INTERVAL", "1"))
    started = time.monotonic()
    end = started + float(os.environ["READ_SECONDS"])
    while time.monotonic() < end:
        reader.read()
        # Against a fixed beat, so that slow reads do not stretch the interval.
        time.sleep(max(0.0, started + reader.reads * interval - time.monotonic()))
    print(json.dumps(reader.summary()))
    sys.exit(1 if reader.errors else 0)


if __name__ == "__main__":
    main()
