#!/bin/sh
# Lists a bucket and reads an object with the s5cmd named by the first argument.
set -eu
# shellcheck source=tests/clients/data/reading.sh
. "${0%/*}/reading.sh"

s5cmd() {
    "$program" --endpoint-url "$AWS_ENDPOINT_URL_S3" "$@"
}

done_with "$(s5cmd ls --show-fullpath "s3://$BUCKET/*" | sed "s|^s3://$BUCKET/||")" \
    "$(s5cmd cat "s3://$BUCKET/$KEY" | sha256)"
