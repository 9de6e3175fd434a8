#!/usr/bin/env bash
# Makes a checkout ready to build and test: it installs npm packages and with them the pinned Node; as root also the
# Debian packages that the tests use, and a toolchain for the native executable where there is none. `--build`: only
# what a build on Node needs. Where nothing is to do, it is quick and says nothing. Works from any directory.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian keeps ip there, and not everyone's PATH has it.
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
  # A build can do without these packages.
  [[ $extent != --build || $EUID -eq 0 ]] || return 0
  [[ $extent == --build ]] || programs=("${!package_of[@]}")
  mapfile -t missing < <(missing_packages "${programs[@]}")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  # For who isn't root the failure doesn't count: most of the work needs none of these packages.
  scripts/install-debian-packages.sh "${missing[@]}" || [[ $EUID -ne 0 ]]
}

provide_npm() {
  command -v npm >/dev/null && return
  scripts/install-debian-packages.sh ca-certificates nodejs npm
}

# A second try, because registries fail for a moment now and then.
npm_ci() {
  local try
  for try in 1 2 3; do
    # npm's warnings about the machine's Node (EBADENGINE) don't matter, because the pinned one runs these packages.
    npm ci --loglevel=error --no-progress </dev/null >/dev/null && return
    say "npm ci failed (try $try of 3)"
    sleep $((try * 2))
  done
  fail "npm ci failed; its message is above"
}

# npm 9 of Debian 12 drops this link with the package for the other CPU, which has the same link.
link_node() {
  local package
  for package in node_modules/node-linux-*/; do
    [[ ! -x ${package}bin/node ]] || ln -sfn "../$(basename "$package")/bin/node" node_modules/.bin/node
  done
}

# Installed packages are right where the copy of the lock file, which is made last, is that of today.
install_npm_packages() {
  cmp -s package-lock.json "$installed_lock" && return
  # One set-up of this checkout at a time.
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
  # A minimal Debian lacks some libraries that Node links to.
  if ! node_version >/dev/null; then
    mapfile -t libraries < <(missing_libraries)
    [[ ${#libraries[@]} -eq 0 ]] || scripts/install-debian-packages.sh "${libraries[@]}"
  fi
  version=$(node_version) ||
    fail "node_modules/.bin/node does not run on this machine ($(uname -sm)):" \
      "it is for x64 and arm64 Linux with glibc, and needs libatomic1 and libstdc++6"
  [[ $version == v$node_major.* ]] || fail "node_modules/.bin/node is $version where $node_major is needed: run npm ci"
}

install_npm_packages
check_node
provide_debian_packages
# Without a toolchain the tests run on Node, and build.sh says what to install.
[[ $extent == --build || $EUID -ne 0 ]] || scripts/toolchain.sh --install >/dev/null || true
