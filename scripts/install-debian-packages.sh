#!/usr/bin/env bash
# Installs Debian packages as root, and never removes one: scripts/install-debian-packages.sh PACKAGE... As anyone else
# it names them and fails. Without PACKAGE it brings the package lists up to date.
set -euo pipefail

say() { echo "setup: $*" >&2; }

if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
  say "not installed: $* (apt-get install $*, or run this as root)"
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
readonly apt=(apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
# The packages may be in other sources than the one that can't be reached.
"${apt[@]}" update </dev/null >/dev/null || say "apt-get update failed; trying with the lists that are here"
[[ $# -gt 0 ]] || exit 0
say "installing with apt-get: $*"
if ! "${apt[@]}" install --yes --no-remove --no-install-recommends "$@" </dev/null >/dev/null; then
  say "apt-get could not install $*; its message is above"
  exit 1
fi
