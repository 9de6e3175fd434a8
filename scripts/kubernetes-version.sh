#!/usr/bin/env bash
# kubernetes-version.sh VERSION: writes that version of Kubernetes, such as v1.34.3, into test/peers/cluster/go.mod, and
# the versions of its own modules and of etcd that belong to it. `npm run cluster` builds it then.
set -euo pipefail

readonly version=${1:?a version of Kubernetes, such as v1.34.3}
if [[ ! $version =~ ^v1\.[0-9]+\.[0-9]+$ ]]; then
  echo "kubernetes-version.sh: $version is no version, such as v1.34.3" >&2
  exit 2
fi
readonly staging=v0.${version#v1.}

cd "$(dirname "${BASH_SOURCE[0]}")/../test/peers/cluster"

kubernetes_mod=$(GOTOOLCHAIN=local go mod download -json "k8s.io/kubernetes@$version" |
  sed -n 's/^\s*"GoMod": "\(.*\)",$/\1/p')
# Indirect modules of an earlier version go, for this one chooses its own.
awk '
  /^\)/ && skipping { skipping = 0; next }
  /^(require|replace) \($/ { skipping = 1; next }
  skipping || /^require [^(]/ { next }
  { print }' go.mod >go.mod.new
mapfile -t published < <(awk '$2 == "=>" && $3 ~ /^\.\/staging\// { print $1 }' "$kubernetes_mod")
{
  cat go.mod.new
  echo "require k8s.io/kubernetes $version"
  echo "require go.etcd.io/etcd/server/v3 $(awk '$1 == "go.etcd.io/etcd/client/v3" { print $2 }' "$kubernetes_mod")"
  echo 'replace ('
  for module in "${published[@]}"; do echo "$module => $module $staging"; done
  echo ')'
} >go.mod
rm go.mod.new
GOTOOLCHAIN=local GOFLAGS=-mod=mod go mod tidy
