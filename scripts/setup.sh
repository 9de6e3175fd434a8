#!/usr/bin/env bash
# Makes a checkout ready to build and test: npm packages, with them the pinned Node; as root the Debian packages that the tests use, and
# a toolchain for the native executable where there is none. `--build`: what a build on Node needs, no more. Says nothing and is quick
# where nothing is to do. Works from any directory.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Where Debian keeps ip; not everyone's PATH has it.
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=scripts/programs.sh
source scripts/programs.sh

readonly extent=${1:-all}
readonly node_major=26
readonly installed_lock=node_modules/.installed-lock.json

say() { echo "setup: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

[[ $extent == all || $extent == --build ]] || fail "unknown option $extent (--build)"

provide_debian_packages() {
  local programs=(strip) missing
  # A build can do without.
  [[ $extent != --build || $EUID -eq 0 ]] || return 0
  [[ $extent == --build ]] || programs=("${!package_of[@]}")
  mapfile -t missing < <(missing_packages "${programs[@]}")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  # Not everybody is root, and most of the work needs none of them.
  scripts/install-debian-packages.sh "${missing[@]}" || [[ $EUID -ne 0 ]]
}

provide_npm() {
  command -v npm >/dev/null && return
  scripts/install-debian-packages.sh ca-certificates nodejs npm
}

# Registries fail for a moment now and then.
npm_ci() {
  local try
  for try in 1 2 3; do
    # Errors only: what npm warns about the machine's Node (EBADENGINE) is beside the point, the pinned one runs these packages.
    npm ci --loglevel=error --no-progress </dev/null >/dev/null && return
    say "npm ci failed (try $try of 3)"
    sleep $((try * 2))
  done
  fail "npm ci failed; its message is above"
}

# npm 9, which Debian 12 has, drops this link where the package for the other CPU, which has it too, is left out.
link_node() {
  local package
  for package in node_modules/node-linux-*/; do
    [[ ! -x ${package}bin/node ]] || ln -sfn "../$(basename "$package")/bin/node" node_modules/.bin/node
  done
}

# What is there already may be the right thing: the copy of the lock file, made last, says whether it is.
install_npm_packages() {
  cmp -s package-lock.json "$installed_lock" && return
  # Another set-up of this checkout may be at it.
  exec 9<package-lock.json
  flock 9
  cmp -s package-lock.json "$installed_lock" && return
  provide_npm
  say "installing npm packages"
  npm_ci
  link_node
  cp package-lock.json "$installed_lock"
  exec 9<&-
}

node_version() { node_modules/.bin/node --version 2>/dev/null; }

check_node() {
  local version libraries
  # A minimal Debian doesn't have all that it links to.
  if ! node_version >/dev/null; then
    mapfile -t libraries < <(missing_libraries)
    [[ ${#libraries[@]} -eq 0 ]] || scripts/install-debian-packages.sh "${libraries[@]}"
  fi
  version=$(node_version) ||
    fail "node_modules/.bin/node does not run on this machine ($(uname -sm)): it is for x64 and arm64 Linux with glibc, and needs libatomic1 and libstdc++6"
  [[ $version == v$node_major.* ]] || fail "node_modules/.bin/node is $version where $node_major is needed: run npm ci"
}

install_npm_packages
check_node
provide_debian_packages
# Without it the tests run on Node; build.sh says what to install.
[[ $extent == --build || $EUID -ne 0 ]] || scripts/toolchain.sh --install >/dev/null || true
