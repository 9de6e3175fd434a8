#!/usr/bin/env bash
# npm run pictures:demo: plays the demo on a terminal, keeps its output from the plugin's first call to the pings as
# docs/pictures/demo.ansi, and draws it. Needs what the demo needs.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PWD/node_modules/.bin:$PATH

recording=$(mktemp)
trap 'rm -f "$recording"' EXIT
script --quiet --return --command 'scripts/demo.sh' "$recording"
{
  echo 'npm run demo'
  tr -d '\r' <"$recording" | sed -n '/3\. ADD/,/6\. CHECK/p' | sed '$d'
} >docs/pictures/demo.ansi
exec node scripts/pictures/pictures.ts
