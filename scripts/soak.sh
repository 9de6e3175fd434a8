#!/usr/bin/env bash
# Runs the native executable many times with good and bad input: scripts/soak.sh [COUNT]. Needs root and cargo.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

[[ $EUID -eq 0 ]] || { echo "soak: needs root, for network namespaces" >&2 && exit 1; }
scripts/setup.sh
scripts/peers.sh >/dev/null
./build.sh --runtime native >&2
exec node --disable-warning=ExperimentalWarning test/soak/soak.ts "$@"
