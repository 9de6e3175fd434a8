#!/usr/bin/env bash
# Runs a short soak and the black-box tests on a native executable that AddressSanitizer watches: engine, host and all.
# scripts/sanitize.sh [--only TEXT]... as for test/run.ts. Needs root, cargo, and gcc.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/node_modules/.bin:$PATH

readonly directory=$PWD/native/target/sanitized
export SANITIZER_REPORTS=$directory/reports

build() (
  cd native
  PATH=$toolchain:$PATH
  # -Zsanitizer is unstable, and a released compiler takes it only with this.
  export RUSTC_BOOTSTRAP=1
  export RUSTFLAGS='-Zsanitizer=address --cfg sanitized -Cforce-frame-pointers -Cdebug-assertions -Coverflow-checks'
  # The runtime is gcc's, as the first library, because Debian's rustc has none.
  RUSTFLAGS+=' -Zexternal-clangrt -Zpre-link-arg=-Wl,--no-as-needed -Zpre-link-arg=-lasan'
  # With this, QuickJS takes each block from malloc, instead of many from one.
  export CFLAGS='-fsanitize=address -fno-omit-frame-pointer -g1'
  export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_STRIP=none
  cargo build --release --no-default-features --locked --quiet --bin dra-sriov \
    --target "$target" --target-dir "$directory"
)

./build.sh --runtime native
toolchain=$(scripts/toolchain.sh)
target=$("$toolchain/rustc" -vV | sed -n 's/^host: //p')
readonly toolchain target
rm -rf "$SANITIZER_REPORTS"
mkdir -p "$SANITIZER_REPORTS"
build
export DRA_SRIOV_EXECUTABLE=$directory/$target/release/dra-sriov

failed=0
node --disable-warning=ExperimentalWarning test/soak/soak.ts 300 || failed=1
node test/run.ts blackbox "$@" || failed=1
for report in "$SANITIZER_REPORTS"/report*; do
  [[ -e $report ]] || continue
  cat "$report"
  failed=1
done
exit "$failed"
