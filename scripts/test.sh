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

# Takes the closing line for the counts and passes on all others.
run_tests() {
  local line counts=''
  while IFS= read -r line; do
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
      counts=$line
      passes=${BASH_REMATCH[1]} failures=${BASH_REMATCH[2]} skips=${BASH_REMATCH[3]}
    else
      printf '%s\n' "$line"
    fi
  done < <(node test/run.ts "$@" 2>&1)
  [[ -n $counts ]] && wait $!
}

# run_tests_as_stage NAME KIND...
run_tests_as_stage() {
  local -r name=$1 begin=$SECONDS
  local passes=0 failures=0 skips=0
  shift
  echo "== $name"
  run_tests "$@" || [[ $failures -gt 0 ]] || failures=1
  passed=$((passed + passes)) failed=$((failed + failures)) skipped=$((skipped + skips))
  echo "== $name: $passes passed, $failures failed, $skips skipped ($((SECONDS - begin)) s)"
}

build_peers() {
  local module
  for module in . kubernetes multus-4.0 rdma-cni sriov-cni; do scripts/peers.sh "$module" || return; done
}

# dist/dra-sriov is the native one at the end, where it can be built; the one on Node is built and tested in any case.
build_both() {
  ./build.sh --runtime node && ./build.sh
}

# For a kernel module of the lab's.
set_up() {
  scripts/setup.sh || return
  [[ $EUID -ne 0 ]] || { command -v gcc && command -v make; } >/dev/null || scripts/install-debian-packages.sh gcc make
}

[[ $EUID -eq 0 ]] || echo "== NOT ROOT: kernel and black-box tests need network namespaces, and the lab needs apt: they are SKIPPED; run this as root to have them"
stage 'set-up' set_up || finish
stage 'programs to test with' build_peers || finish
stage 'lint' npm run --silent lint || true
stage 'build' build_both || finish
run_tests_as_stage 'tests' unit kernel blackbox crash fuzz
if ! cmp -s dist/dra-sriov dist/node/dra-sriov; then
  DRA_SRIOV_EXECUTABLE=$PWD/dist/node/dra-sriov run_tests_as_stage 'black-box tests of the executable on Node' blackbox
fi
[[ $EUID -ne 0 ]] || run_tests_as_stage 'lab: real drivers on emulated SR-IOV cards' lab
finish
