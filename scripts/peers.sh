#!/usr/bin/env bash
# peers.sh [MODULE]: prints the directory of the programs that the tests and the benchmark run beside the plugin. They
# are built once, from the versions in a Go module's go.mod. The module is test/peers (cnitool, kustomize, plugins of
# containernetworking), or one in it with dependencies of its own: cluster, containerd, kubernetes, multus-4.0,
# openmetrics, rdma-cni, sriov-cni.
# Without Go, Debian's containernetworking-plugins stand in for test/peers. They are older: CNI 1.0.0 at most, no
# cnitool and no kustomize. Only root can install that package. For other modules nothing is printed then.
set -euo pipefail

readonly module=${1:-.} debian_directory=/usr/lib/cni time_limit=3600

cd "$(dirname "${BASH_SOURCE[0]}")/../test/peers/$module"

say() { echo "peers: $*" >&2; }

duration() {
  case $module in
    cluster) echo "some ten minutes" ;;
    *) echo "a minute or two" ;;
  esac
}

# Go may not download another toolchain than the machine's. The programs are static, as their releases are.
export GOTOOLCHAIN=local GOFLAGS='' CGO_ENABLED=0

# Go itself asks for a module once, and a registry fails for a moment now and then.
download() {
  local try
  # It is too old for the module.
  go list -m </dev/null >/dev/null 2>&1 || return 0
  for try in 1 2 3; do
    go list -deps tool </dev/null >/dev/null && return
    say "modules can't be had (try $try of 3)"
    sleep $((try * 2))
  done
}

# One build at a time writes the programs beside their place, and moves them there at once.
build() {
  local -r directory=$1
  mkdir -p "$(dirname "$directory")"
  # Checkouts share the cache, so the lock is there.
  exec 9>"$directory.lock"
  flock 9
  [[ ! -d $directory ]] || return 0
  local part
  part=$(mktemp -d "$directory.XXXXXX")
  local ldflags='-s -w' kubernetes
  # Programs of Kubernetes compare their versions. Kubernetes' own build has the linker write them, too.
  kubernetes=$(sed -nE 's/^(require)?[[:space:]]*k8s.io\/kubernetes (v[^ ]+).*/\2/p' go.mod)
  [[ -z $kubernetes ]] || ldflags+=" -X k8s.io/component-base/version.gitVersion=$kubernetes"
  local path
  path=$(awk '$1 == "module" { print $2 }' go.mod)
  say "building the programs of $path with $(go env GOVERSION); once, takes $(duration)"
  download
  if GOBIN=$part timeout $time_limit go install -trimpath -buildvcs=false -ldflags="$ldflags" tool </dev/null >&2; then
    chmod 755 "$part"
    mv -T "$part" "$directory"
  else
    rm -rf "$part"
    say "go install failed, or took longer than $time_limit s"
    return 1
  fi
}

sources=(go.mod go.sum)
mapfile -t neighbours < <(awk '$1 == "replace" && $4 ~ /^\.\./ { print $4 }' go.mod)
# Folders of test/peers that hold other modules are none of its sources.
[[ $module == . ]] || mapfile -t -O 2 sources < <(find . "${neighbours[@]}" -name '*.go' | sort)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dra-sriov-cni/peers
hash=$(cat "${sources[@]}" | sha256sum)
directory=$cache/${hash::16}-$(uname -m)

if [[ -d $directory ]]; then
  echo "$directory"
elif command -v go >/dev/null && build "$directory"; then
  echo "$directory"
elif [[ $module == . ]]; then
  if [[ ! -x $debian_directory/host-local ]]; then
    # Who isn't root installs nothing; the lab's guest has plugins of its own.
    [[ $EUID -eq 0 ]] || exit 0
    ../../scripts/install-debian-packages.sh containernetworking-plugins
  fi
  echo "$debian_directory"
fi
