# shellcheck shell=bash
# The programs that the tests use, each with its Debian package. setup.sh and check-machine.sh source this file.

# shellcheck disable=SC2034
readonly -A package_of=(
  [ip]=iproute2
  [iptables]=iptables
  [jq]=jq
  [setpriv]=util-linux
  [strip]=binutils
  [python3]=python3
  [skopeo]=skopeo
  [strace]=strace
  [valgrind]=valgrind
  [nsenter]=util-linux
  [flock]=util-linux
  [zsh]=zsh
)

# missing_packages PROGRAM...: prints the packages of those programs that are not here, one a line.
missing_packages() {
  local program
  for program; do
    command -v "$program" >/dev/null || echo "${package_of[$program]:-$program}"
  done | sort -u
}

# Prints the packages of the libraries that the pinned Node links to and a minimal Debian lacks.
missing_libraries() {
  local -r known=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null)
  [[ $known == *libatomic.so.1* ]] || echo libatomic1
  [[ $known == *libstdc++.so.6* ]] || echo libstdc++6
}
