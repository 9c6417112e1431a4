#!/bin/sh
# Lists a bucket and reads an object with the AWS CLI named by the first argument.
set -eu
aws=$1

# Version 2 learnt AWS_ENDPOINT_URL in 2.13; the option works in every version.
endpoint=${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-}}
run() {
    if [ -n "$endpoint" ]; then
        "$aws" --endpoint-url "$endpoint" "$@"
    else
        "$aws" "$@"
    fi
}

fail() {
    echo "$1" >&2
    exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

keys=$(run s3api list-objects-v2 --bucket "$BUCKET" --query 'Contents[].[Key]' --output text)
printf '%s\n' "$keys" | grep -Fqx -- "$KEY" || fail "$KEY is not among the keys of $BUCKET: $keys"

run s3 cp --only-show-errors "s3://$BUCKET/$KEY" "$scratch/object"
if command -v sha256sum >/dev/null; then
    found=$(sha256sum <"$scratch/object")
else
    found=$(shasum -a 256 <"$scratch/object")
fi
[ "${found%% *}" = "$EXPECT_SHA256" ] || fail "sha256 is ${found%% *}, expected $EXPECT_SHA256"
echo ok
