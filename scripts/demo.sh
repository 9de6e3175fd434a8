#!/usr/bin/env bash
# Checks the machine, sets up what is missing, builds the plugin, and plays the demo: two VFs of one claim in each of
# two pods, on emulated SR-IOV cards. Anyone may run it; with --cluster, on a real cluster (docs/cluster.md), only root.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

scripts/check-machine.sh demo
scripts/setup.sh --build
[[ ${1:-} != --cluster ]] || exec scripts/cluster.sh demo
# A demo should be quick: it uses a toolchain that is here, and installs none.
if scripts/toolchain.sh >/dev/null 2>&1; then
  ./build.sh
else
  ./build.sh --runtime node
fi
exec node --disable-warning=ExperimentalWarning test/lab/demo/demo.ts
