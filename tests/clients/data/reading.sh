# shellcheck shell=sh
# Sourced by clients that are shell scripts: what was found is what was asked for, or it fails.
# shellcheck disable=SC2034
program=$1

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

# done_with KEYS DIGEST
done_with() {
    printf '%s\n' "$1" | grep -Fqx -- "$KEY" || {
        echo "$KEY is not among the keys of $BUCKET: $1" >&2
        exit 1
    }
    [ "$2" = "$EXPECT_SHA256" ] || {
        echo "sha256 is $2, expected $EXPECT_SHA256" >&2
        exit 1
    }
    echo ok
}
