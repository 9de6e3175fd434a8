#!/usr/bin/env bash
# Builds the plugin. Usage: ./build.sh [--runtime auto|native|node] [--cpu amd64|arm64] [--image] [--release] [--force]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
Usage: ./build.sh [--runtime auto|native|node] [--cpu amd64|arm64] [--image] [--release] [--force]

  --runtime auto    native; node where there is no toolchain for that and none can be installed
                    (the default)
  --runtime native  dist/native/dra-sriov: QuickJS in a small static executable; needs cargo, its
                    crates, the source of Rust's library, musl and a C compiler, which root gets from
                    Debian's packages where they are missing or too old
  --runtime node    dist/node/dra-sriov, which holds Node, for development
  --cpu amd64|arm64 CPU of the native executable (this machine's by default). Another one needs its
                    own gcc and musl; what is made for it is in dist/native-arm64, image-arm64 and
                    release-arm64
  --image           dist/image and dist/image.tar too: an OCI image of the native executable
  --release         dist/release too: archive, image, bill of materials and checksums of the native
                    executable
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
cpu=''
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
    --cpu)
      [[ $# -ge 2 ]] || refuse "--cpu needs a value"
      cpu=$2
      shift
      ;;
    --cpu=*) cpu=${1#*=} ;;
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

case $cpu in
  '' | amd64 | arm64) ;;
  *) refuse "unknown CPU $cpu: amd64 and arm64 are supported" ;;
esac

[[ -z $cpu || $runtime != node ]] || refuse "--cpu is of the native executable"
[[ ${#extras[@]} -eq 0 || $runtime != node ]] || refuse "--image and --release are of the native executable"
[[ ${#extras[@]} -eq 0 && -z $cpu ]] || runtime=native
for_cpu=(${cpu:+--cpu "$cpu"})

# Puts the toolchain into PATH, or says what keeps the native executable from being built here.
prepare_native() {
  local toolchain
  toolchain=$(scripts/toolchain.sh --install "${for_cpu[@]}") || return
  PATH=$toolchain:$PATH
  (cd native && fetch_crates) || {
    echo "build.sh: the crates can't be had" >&2
    return 1
  }
}

fetch_crates() {
  local target
  target=$(uname -m)-unknown-linux-musl
  RUSTC_BOOTSTRAP=1 cargo --config musl.toml fetch --locked --quiet --target "$target" </dev/null
}

scripts/setup.sh --build
# One build at a time; the next one finds everything built.
exec 9<package.json
flock 9

if [[ $runtime != node ]]; then
  if prepare_native; then
    node_modules/.bin/node scripts/build/native.ts "${options[@]}" "${for_cpu[@]}"
    for extra in "${extras[@]}"; do node_modules/.bin/node "scripts/build/$extra.ts" "${for_cpu[@]}"; done
    exit
  fi
  [[ $runtime != native ]] || exit 1
  {
    echo "build.sh: building the executable on Node instead, which is for development:"
    echo "build.sh: it is bigger (118 MB), starts more slowly, and takes 60 MB of memory or more"
  } >&2
fi
exec node_modules/.bin/node scripts/build/node.ts "${options[@]}"
