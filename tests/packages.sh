#!/bin/sh
# Install the named Debian packages that are missing: as root, or by sudo. Says nothing when there are none.
set -eu

missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    sudo=
elif command -v sudo >/dev/null; then
    sudo=sudo
else
    echo "missing packages:$missing: install them, or run this as root" >&2
    exit 1
fi
echo "installing:$missing" >&2
log=$(mktemp)
if ! {
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq &&
        # shellcheck disable=SC2086 # a list of words
        $sudo apt-get install -y -qq --no-install-recommends $missing
} >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
rm -f "$log"
