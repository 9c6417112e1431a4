"""What programs begin with: how long quilt3 takes for it, in milliseconds."""

import json
import sys
import time

import quilt3
import quilt3.session


def timed(action):
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3


match sys.argv[1:]:
    case ["login", catalog]:
        quilt3.config(catalog)
        quilt3.session.login_with_token(sys.stdin.read().strip())
    case ["time", bucket, package]:
        registry = f"s3://{bucket}"
        session = quilt3.session.get_boto3_session
        print(
            json.dumps(
                {
                    "session": timed(lambda: session().get_credentials().get_frozen_credentials()),
                    "first S3 call": timed(lambda: quilt3.Bucket(registry).ls("none/")),
                    "browse": timed(lambda: quilt3.Package.browse(package, registry=registry)),
                }
            )
        )
