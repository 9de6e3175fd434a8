#!/usr/bin/env bash
# Runs a short soak and the black-box tests on a native executable that AddressSanitizer watches: engine, host and all.
# scripts/sanitize.sh [--only TEXT]... as for test/run.ts. Needs root, cargo, and gcc.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

readonly directory=$PWD/native/target/sanitized

build() (
  cd native
  # -Zsanitizer is unstable, and a released compiler takes it only with this.
  export RUSTC_BOOTSTRAP=1
  export RUSTFLAGS='-Zsanitizer=address --cfg sanitized -Cforce-frame-pointers -Cdebug-assertions -Coverflow-checks'
  # With this, QuickJS takes each block from malloc, instead of many from one.
  export CFLAGS='-fsanitize=address -fno-omit-frame-pointer -g1'
  export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=none
  cargo build --release --no-default-features --locked --quiet --bin dra-sriov \
    --target "$target" --target-dir "$directory"
)

./build.sh --runtime native
toolchain=$(scripts/toolchain.sh)
PATH=$toolchain:$PATH
target=$(rustc -vV | sed -n 's/^host: //p')
readonly target
build
# The sanitizer writes what it finds to files, because on stderr it could be taken for the plugin's words. A run frees
# nothing at its end, so leaks aren't looked for. A script sets the options, because tests replace the environment.
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
cat >"$reports/dra-sriov" <<SCRIPT
#!/bin/sh
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1:log_path=$reports/report
exec '$directory/$target/release/dra-sriov' "\$@"
SCRIPT
chmod +x "$reports/dra-sriov"
export DRA_SRIOV_EXECUTABLE=$reports/dra-sriov

failed=0
node --disable-warning=ExperimentalWarning test/soak/soak.ts 300 || failed=1
# Left out are tests that look at the executable's file, which is a script here.
node test/run.ts blackbox --except '/(install|operator)\.test' "$@" || failed=1
for report in "$reports"/report*; do
  [[ -e $report ]] || continue
  cat "$report"
  failed=1
done
exit "$failed"
