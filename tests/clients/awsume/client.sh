#!/bin/bash
# Lists a bucket and reads an object with the script named by the second argument, as the profile
# of AWS_PROFILE, by the awsume named by the first: it leaves variables in the shell, and no profile.
set -eu
export PATH=${1%/*}:$PATH
script=$2
profile=$AWS_PROFILE

set +eu
# shellcheck source=/dev/null
. "$1" "$profile"
set -eu
[ -n "${AWS_SESSION_TOKEN:-}" ] || {
    echo "awsume $profile left no credentials" >&2
    exit 1
}
unset AWS_PROFILE AWS_DEFAULT_PROFILE
exec python "$script"
