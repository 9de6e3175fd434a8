#!/usr/bin/env bash
# toolchain.sh [--install] [--cpu amd64|arm64]: prints the folder of the cargo that builds the native executable. It is
# the first that is recent enough for native/Cargo.toml and has the source of Rust's library, which is built for musl
# with the rest. Where cargo, a C compiler or musl is missing, --install installs Debian's as root; otherwise one
# sentence says what to install, and the exit code is 1. The compiler and the musl of another CPU are never installed,
# because Debian's packages for another architecture have to be allowed first.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

install=false
machine=$(uname -m)
while [[ $# -gt 0 ]]; do
  case $1 in
    --install) install=true ;;
    --cpu)
      if [[ $2 == arm64 ]]; then machine=aarch64; else machine=x86_64; fi
      shift
      ;;
  esac
  shift
done
readonly install machine

say() { echo "toolchain: $*" >&2; }

needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' native/Cargo.toml)
readonly needed

# at_least VERSION: compares major.minor, so that a Debian revision or a patch doesn't matter.
at_least() { printf '%s\n' "$needed" "$1" | sort --version-sort --check=quiet; }

# Sets `folder` to that of the first cargo that is recent enough, with a rustc beside it and the library's source.
find_cargo() {
  local cargo version
  why='there is no cargo'
  for cargo in $(type -aP cargo) "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin/cargo"; do
    # rustup puts its proxies there without a toolchain, too.
    version=$("${cargo%/*}/rustc" --version 2>/dev/null) || continue
    "$cargo" --version >/dev/null 2>&1 || continue
    version=${version#rustc }
    version=${version%% *}
    if ! at_least "$version"; then
      why="Rust $version is too old"
    elif [[ ! -f $("${cargo%/*}/rustc" --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock ]]; then
      why="Rust $version has no source of its library (rustup component add rust-src)"
    else
      folder=${cargo%/*}
      return
    fi
  done
}

# Debian has a newer Rust beside its own, for browsers (rustc-web).
debian_packages() {
  local of candidate
  for of in -web ''; do
    candidate=$(apt-cache policy "rustc$of" 2>/dev/null | sed -n 's/^  Candidate: \([0-9].*\)$/\1/p')
    [[ -n $candidate ]] && at_least "$candidate" && echo "cargo$of rustc$of rust$of-src" && return
  done
}

give_up() {
  say "$why${1:+, and $1}: the native executable needs Rust $needed or later with its source, a C compiler and musl" \
    "(Debian 12: apt-get install ${debian_12[*]}; elsewhere: rustup.rs)"
  exit 1
}

readonly compilers=(gcc libc6-dev musl-tools)
readonly debian_12=(cargo-web rustc-web rust-web-src "${compilers[@]}")
folder=''
find_cargo
if [[ -z $folder ]]; then
  [[ $install == true && $EUID -eq 0 ]] && command -v apt-get >/dev/null || give_up
  scripts/install-debian-packages.sh
  read -r -a packages <<<"$(debian_packages)"
  [[ ${#packages[@]} -gt 0 ]] ||
    give_up "the package lists of this machine have none that is newer (Debian 12 has it in its security suite)"
  # People decide which packages are removed.
  packages+=("${compilers[@]}")
  apt-get -qq --simulate --no-remove install --no-install-recommends "${packages[@]}" >/dev/null 2>&1 ||
    give_up "Debian's newer one would take the place of installed packages"
  scripts/install-debian-packages.sh "${packages[@]}" || give_up "Debian's newer one could not be installed"
  find_cargo
  [[ -n $folder ]] || give_up "what was installed can't be used"
fi
if ! { command -v cc && command -v musl-gcc; } >/dev/null; then
  [[ $install == true && $EUID -eq 0 ]] && scripts/install-debian-packages.sh "${compilers[@]}" || {
    say "there is no C compiler (cc, and musl-gcc for musl), which the native executable needs" \
      "(Debian: apt-get install ${compilers[*]})"
    exit 1
  }
fi
if [[ $machine != "$(uname -m)" ]] && ! command -v "$machine-linux-musl-gcc" >/dev/null; then
  architecture=$([[ $machine == aarch64 ]] && echo arm64 || echo amd64)
  say "there is no $machine-linux-musl-gcc, which builds for $architecture" \
    "(Debian: dpkg --add-architecture $architecture; apt-get update;" \
    "apt-get install gcc-${machine/_/-}-linux-gnu musl-dev:$architecture)"
  exit 1
fi
echo "$folder"
