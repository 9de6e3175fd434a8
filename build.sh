#!/usr/bin/env bash
# Builds the plugin for this machine's CPU. Usage: ./build.sh [--runtime auto|native|node] [--image] [--release] [--force]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
Usage: ./build.sh [--runtime auto|native|node] [--image] [--release] [--force]

  --runtime auto    native; node where there is no toolchain for that and none can be installed (the default)
  --runtime native  dist/native/dra-sriov: QuickJS in a small static executable; needs cargo, its crates, the source of Rust's library, musl and a C
                    compiler, which root gets from Debian's packages where they are missing or too old
  --runtime node    dist/node/dra-sriov, which holds Node, for development
  --image           dist/image and dist/image.tar too: an OCI image of the native executable
  --release         dist/release too: archive, image, bill of materials and checksums of the native executable
  --force           builds even where no source has changed

The plugin is then dist/dra-sriov, whatever it runs on.
TEXT
}

refuse() {
  echo "build.sh: $*" >&2
  usage >&2
  exit 2
}

runtime=auto
options=()
# Scripts of scripts/build that package the native executable.
extras=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --runtime)
      [[ $# -ge 2 ]] || refuse "--runtime needs a value"
      runtime=$2
      shift
      ;;
    --runtime=*) runtime=${1#*=} ;;
    --image) extras+=(image) ;;
    --release) extras+=(release) ;;
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
  auto | native | node) ;;
  *) refuse "unknown runtime $runtime" ;;
esac

[[ ${#extras[@]} -eq 0 || $runtime != node ]] || refuse "--image and --release are of the native executable"
[[ ${#extras[@]} -eq 0 ]] || runtime=native

# Puts the toolchain into PATH, or says what keeps the native executable from being built here.
prepare_native() {
  local toolchain
  toolchain=$(scripts/toolchain.sh --install) || return
  PATH=$toolchain:$PATH
  (cd native && RUSTC_BOOTSTRAP=1 cargo --config musl.toml fetch --locked --quiet --target "$(uname -m)-unknown-linux-musl" </dev/null) || { echo "build.sh: the crates can't be had" >&2 && return 1; }
}

scripts/setup.sh --build
# One build at a time; the next one finds everything built.
exec 9<package.json
flock 9

if [[ $runtime != node ]]; then
  if prepare_native; then
    node_modules/.bin/node scripts/build/native.ts "${options[@]}"
    for extra in "${extras[@]}"; do node_modules/.bin/node "scripts/build/$extra.ts"; done
    exit
  fi
  [[ $runtime != native ]] || exit 1
  echo "build.sh: building the executable on Node instead, which is for development: 118 MB, slower to start, 60 MB of memory and more" >&2
fi
exec node_modules/.bin/node scripts/build/node.ts "${options[@]}"
