"""Lists a bucket and reads an object with credentials of AWS's Common Runtime, which is below
Mountpoint, s3torchconnector and the SDKs for C++ and Swift, and signs the requests with it."""

import os
import urllib.parse
import urllib.request
from xml.etree import ElementTree

from awscrt.auth import (
    AwsCredentialsProvider,
    AwsSignatureType,
    AwsSignedBodyHeaderType,
    AwsSigningAlgorithm,
    AwsSigningConfig,
    aws_sign_request,
)
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup

from reading import asked, done, endpoint

bucket, key = asked()
group = EventLoopGroup(1)
bootstrap = ClientBootstrap(group, DefaultHostResolver(group))
provider = AwsCredentialsProvider.new_default_chain(bootstrap)


def get(path):
    host = urllib.parse.urlsplit(endpoint()).netloc
    request = HttpRequest("GET", path, HttpHeaders([("Host", host)]))
    how = AwsSigningConfig(
        algorithm=AwsSigningAlgorithm.V4,
        signature_type=AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=provider,
        region=os.environ["AWS_REGION"],
        service="s3",
        signed_body_header_type=AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )
    signed = aws_sign_request(request, how).result(30)
    asked = urllib.request.Request(endpoint() + path, headers=dict(signed.headers))
    with urllib.request.urlopen(asked) as answer:
        return answer.read()


listing = ElementTree.fromstring(get(f"/{bucket}?list-type=2"))
keys = [part.text for part in listing.iter() if part.tag.endswith("}Key") or part.tag == "Key"]
done(keys, get(f"/{bucket}/{key}"))
