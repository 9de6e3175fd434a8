#!/usr/bin/env bash
# Checks the machine, sets up what is missing, builds the plugin, and plays the demo: two VFs of one claim in each of two
# pods, on emulated SR-IOV cards. Needs not be root. With --cluster there is a real cluster around it (docs/cluster.md),
# which root can have.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

scripts/check-machine.sh demo
scripts/setup.sh --build
[[ ${1:-} != --cluster ]] || exec scripts/cluster.sh demo
# What is quick: a toolchain that is here builds the native executable, but none is installed for a demo.
if scripts/toolchain.sh >/dev/null 2>&1; then
  ./build.sh
else
  ./build.sh --runtime node
fi
exec node --disable-warning=ExperimentalWarning test/lab/demo/demo.ts
