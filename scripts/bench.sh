#!/usr/bin/env bash
# Sets everything up, builds both executables, and measures them: scripts/bench.sh [--runs N] [--json]. With --lab as
# first argument it measures the native one on the lab's VFs: scripts/bench.sh --lab [--runs N]. Needs root and cargo.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

[[ $EUID -eq 0 ]] || { echo "bench: needs root, for network namespaces" >&2 && exit 1; }
scripts/setup.sh
scripts/peers.sh >/dev/null
scripts/peers.sh sriov-cni >/dev/null
program=test/bench/bench.ts
if [[ ${1:-} == --lab ]]; then
  shift
  program=test/bench/lab/lab-bench.ts
else
  ./build.sh --runtime node >&2
fi
./build.sh --runtime native >&2
exec node --disable-warning=ExperimentalWarning "$program" "$@"
