#!/usr/bin/env bash
# Sets everything up, builds the plugin, and plays the demo: two VFs of one claim in each of two pods, on emulated SR-IOV cards.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

scripts/setup.sh
scripts/peers.sh >/dev/null
./build.sh
exec node --disable-warning=ExperimentalWarning test/lab/demo/demo.ts
