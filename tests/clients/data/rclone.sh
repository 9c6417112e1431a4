#!/bin/sh
# Lists a bucket and reads an object with the rclone named by the first argument.
set -eu
# shellcheck source=tests/clients/data/reading.sh
. "${0%/*}/reading.sh"

# A remote made on the spot; rclone looks for credentials only when told to.
remote=":s3,provider=Other,env_auth=true,region=$AWS_REGION,endpoint='$AWS_ENDPOINT_URL_S3':$BUCKET"
rclone() {
    "$program" --config /dev/null "$@"
}

done_with "$(rclone lsf --recursive --files-only "$remote")" "$(rclone cat "$remote/$KEY" | sha256)"
