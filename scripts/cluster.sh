#!/usr/bin/env bash
# Sets up what is missing, and runs test/cluster/cli.ts with the arguments.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

case ${1:-} in
  kubectl | --help) ;;
  *)
    scripts/setup.sh --build
    ;;
esac
exec node --disable-warning=ExperimentalWarning test/cluster/cli.ts "$@"
