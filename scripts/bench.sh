#!/usr/bin/env bash
# Sets everything up, builds both executables, and measures them: scripts/bench.sh [--runs N] [--json]. Needs root and cargo.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

[[ $EUID -eq 0 ]] || { echo "bench: needs root, for network namespaces" >&2 && exit 1; }
scripts/setup.sh
scripts/peers.sh >/dev/null
{
  ./build.sh --runtime node
  ./build.sh --runtime native
} >&2
exec node --disable-warning=ExperimentalWarning test/bench/bench.ts "$@"
