#!/usr/bin/env bash
# Builds the plugin for this machine's CPU. Usage: ./build.sh [--runtime node|native] [--force]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
Usage: ./build.sh [--runtime node|native] [--force]

  --runtime node    dist/node/dra-sriov, which holds Node (the default)
  --runtime native  not there yet: comes with a later release
  --force           builds even where no source has changed

The plugin is then dist/dra-sriov, whatever it runs on.
TEXT
}

refuse() {
  echo "build.sh: $*" >&2
  usage >&2
  exit 2
}

runtime=node
options=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --runtime)
      [[ $# -ge 2 ]] || refuse "--runtime needs a value"
      runtime=$2
      shift
      ;;
    --runtime=*) runtime=${1#*=} ;;
    --force) options+=(--force) ;;
    -h | --help)
      usage
      exit
      ;;
    *) refuse "unknown option $1" ;;
  esac
  shift
done

case $runtime in
  node) ;;
  native)
    echo "build.sh: --runtime native is not there yet: it comes with a later release; use --runtime node" >&2
    exit 2
    ;;
  *) refuse "unknown runtime $runtime" ;;
esac

scripts/setup.sh
# One build at a time; the next finds it done.
exec 9<package.json
flock 9
exec node_modules/.bin/node scripts/build/node.ts "${options[@]}"
