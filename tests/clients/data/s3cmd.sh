#!/bin/sh
# Lists a bucket and reads an object with the s3cmd named by the first argument.
set -eu
# shellcheck source=tests/clients/data/reading.sh
. "${0%/*}/reading.sh"

# It never learnt AWS_ENDPOINT_URL_S3.
host=${AWS_ENDPOINT_URL_S3#*://}
s3cmd() {
    "$program" --no-ssl --host="$host" --host-bucket="$host" --region="$AWS_REGION" "$@"
}

keys=$(s3cmd ls --recursive "s3://$BUCKET/" | sed "s|.*s3://$BUCKET/||")
done_with "$keys" "$(s3cmd get --quiet "s3://$BUCKET/$KEY" - | sha256)"
