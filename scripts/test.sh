#!/usr/bin/env bash
# Does all set-up, checks the sources, builds the plugin and runs every test. Its last line is
# `N passed, N failed, N skipped`; a stage that fails counts as one failure.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

usage() {
  cat <<'TEXT'
Usage: npm test

Checks the machine, does all set-up, checks the sources, builds the plugin and runs every test; half an hour on two
CPUs. Installs Debian packages if root runs it. The last line is `N passed, N failed, N skipped`; the exit code is 1 if
a test or a stage failed, 3 if the machine lacks something that the tests can't do without. Parts of it:

  npm run test:unit, test:kernel, test:blackbox     one kind; -- --only TEXT for files whose path holds that text
  node_modules/.bin/node test/run.ts --help         any kind: crash, fuzz and lab, too
  npm run lint, npm run build
TEXT
}

case ${1:-} in
  '') ;;
  -h | --help)
    usage
    exit
    ;;
  *)
    echo "scripts/test.sh: unknown argument $1" >&2
    usage >&2
    exit 2
    ;;
esac

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

# Adds up the counts of closing lines, and passes on all other lines.
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
  for module in . kubernetes multus-4.0 openmetrics rdma-cni sriov-cni; do scripts/peers.sh "$module" || return; done
}

# Builds the one on Node first, so that dist/dra-sriov is the native one in the end, where it can be built.
build_both() {
  ./build.sh --runtime node && ./build.sh
}

# A kernel module of the lab's is built with these.
set_up() {
  scripts/setup.sh || return
  [[ $EUID -ne 0 ]] || { command -v gcc && command -v make; } >/dev/null || scripts/install-debian-packages.sh gcc make
}

if ! scripts/check-machine.sh test; then
  echo "0 passed, 1 failed, 0 skipped"
  exit 3
fi
[[ $EUID -eq 0 ]] ||
  echo "== NOT ROOT: kernel, black-box and lab tests are SKIPPED, for they need network namespaces; run this as root"
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
