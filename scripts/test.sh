#!/usr/bin/env bash
# Does all set-up, checks the sources, builds the plugin and runs every test. Its last line is `N passed, N failed, N skipped`,
# in which a stage that failed counts as one failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

passed=0
failed=0
skipped=0

# stage NAME COMMAND...
stage() {
  local -r name=$1 begin=$SECONDS
  shift
  echo "== $name"
  if "$@"; then
    echo "== $name: ok ($((SECONDS - begin)) s)"
  else
    echo "== $name: FAILED ($((SECONDS - begin)) s)"
    failed=$((failed + 1))
    return 1
  fi
}

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [[ $failed -eq 0 && $passed -gt 0 ]] || exit 1
  exit 0
}

existing_kinds() {
  local kind
  for kind in unit kernel blackbox lab; do
    [[ ! -d test/$kind ]] || echo "$kind"
  done
}

# Takes the closing line for the counts and passes on all others.
run_tests() {
  local line kinds counts=''
  mapfile -t kinds < <(existing_kinds)
  while IFS= read -r line; do
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
      counts=$line
      passed=${BASH_REMATCH[1]} failures=${BASH_REMATCH[2]} skipped=${BASH_REMATCH[3]}
    else
      printf '%s\n' "$line"
    fi
  done < <(node test/run.ts "${kinds[@]}" 2>&1)
  [[ -n $counts ]] && wait $!
}

run_tests_as_stage() {
  local failures=0
  echo "== tests"
  local -r begin=$SECONDS
  run_tests || [[ $failures -gt 0 ]] || failures=1
  failed=$((failed + failures))
  echo "== tests: $passed passed, $failures failed, $skipped skipped ($((SECONDS - begin)) s)"
}

[[ $EUID -eq 0 ]] || echo "== NOT ROOT: kernel and black-box tests need network namespaces, so they are SKIPPED; run this as root to have them"
stage 'set-up' scripts/setup.sh || finish
stage 'CNI programs to test with' scripts/peers.sh || finish
stage 'lint' npm run --silent lint || true
stage 'build' ./build.sh || finish
run_tests_as_stage
finish
