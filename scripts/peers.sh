#!/usr/bin/env bash
# Prints the directory of the programs that the tests and the benchmark run beside the plugin (cnitool, host-device,
# host-local, tuning, kustomize), built once from the versions in test/peers/go.mod. Without Go it is that of Debian's
# containernetworking-plugins, which are older: CNI 1.0.0 at most, no cnitool and no kustomize.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../test/peers"

readonly debian_directory=/usr/lib/cni

say() { echo "peers: $*" >&2; }

# Written beside its place and moved there whole, by one build at a time.
build() {
  local -r directory=$1
  # Not go.mod: go takes a lock on that itself, and would wait for ours.
  exec 9<.
  flock 9
  [[ ! -d $directory ]] || return 0
  mkdir -p "$(dirname "$directory")"
  local part
  part=$(mktemp -d "$directory.XXXXXX")
  say "building CNI plugins, cnitool and kustomize with $(go env GOVERSION); once, takes a minute or two"
  # The machine's own Go or none: a toolchain that Go would download is not what was asked for.
  if GOTOOLCHAIN=local GOFLAGS='' GOBIN=$part timeout 900 go install -trimpath -buildvcs=false -ldflags='-s -w' tool </dev/null >&2; then
    chmod 755 "$part"
    mv -T "$part" "$directory"
  else
    rm -rf "$part"
    say "go install failed, or took longer than 15 minutes"
    return 1
  fi
}

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dra-sriov-cni/peers
hash=$(cat go.mod go.sum | sha256sum)
directory=$cache/${hash::16}-$(uname -m)

if [[ -d $directory ]]; then
  echo "$directory"
elif command -v go >/dev/null && build "$directory"; then
  echo "$directory"
else
  [[ -x $debian_directory/host-local ]] || ../../scripts/install-debian-packages.sh containernetworking-plugins
  echo "$debian_directory"
fi
