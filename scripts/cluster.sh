#!/usr/bin/env bash
# Checks the machine, builds the plugin where its sources changed, and runs test/cluster/cli.ts with the arguments.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

case " $* " in
  *' kubectl '* | *' on-node '* | *' --help '*) ;;
  *)
    scripts/check-machine.sh cluster
    scripts/setup.sh --build
    ./build.sh --runtime native >&2
    ;;
esac
exec node --disable-warning=ExperimentalWarning test/cluster/cli.ts "$@"
