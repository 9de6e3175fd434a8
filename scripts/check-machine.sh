#!/usr/bin/env bash
# check-machine.sh demo|test|cluster: says all that this machine lacks for that, a sentence each, before anything
# starts. The exit code is 3 where it can't do without something of it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=scripts/programs.sh
source scripts/programs.sh

readonly what=${1:?demo, test or cluster}
readonly missing_status=3

problems=()
missing() { problems+=("$*"); }
note() { echo "machine: $*" >&2; }

is_root() { [[ $EUID -eq 0 ]]; }

check_cpu() {
  case $(uname -sm) in
    'Linux x86_64') ;;
    'Linux aarch64')
      [[ $what == test ]] || missing "the $what's virtual machine is for x86_64 only, and this is $(uname -m)"
      ;;
    *) missing "this is $(uname -sm); Node 26 and the plugin are for Linux on x86_64 and aarch64" ;;
  esac
}

# Root may lack programs, for set-up installs them.
check_programs() {
  local packages programs=(npm)
  [[ $what == demo ]] || ! is_root || programs+=("${!package_of[@]}")
  is_root && command -v apt-get >/dev/null && return
  mapfile -t packages < <(missing_packages "${programs[@]}" && missing_libraries)
  [[ ${#packages[@]} -eq 0 ]] ||
    missing "not installed: ${packages[*]} (Debian: apt-get install ${packages[*]}, as root)"
  [[ $what == test ]] || command -v apt-get >/dev/null ||
    missing "there is no apt-get, whose mirror has the $what's virtual machine: it needs Debian 12 or later"
}

# Besides what the demo needs, a cluster needs a namespace for its control plane, and Go to build Kubernetes with.
check_cluster() {
  is_root || missing "this is not root, who makes a network namespace for the control plane"
  local go
  go=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || go=
  [[ $(printf '%s\n' go1.26 "${go:-none}" | sort -V | head -n 1) == go1.26 && $go == go1.* ]] ||
    missing "Kubernetes is built with Go 1.26 or later, and here is ${go:-none}"
}

# The tests make namespaces on this machine; the demo makes them in its virtual machine.
check_namespaces() {
  [[ $what == test ]] && is_root || return 0
  if ! unshare --net true 2>/dev/null; then
    missing "network namespaces can't be made (no CAP_SYS_ADMIN, or they are forbidden; in a container: --privileged)"
  elif ! unshare --mount --propagation slave true 2>/dev/null; then
    missing "mount propagation can't be set for /, as in a chroot whose / is no mount point:" \
      "bind the folder to itself (mount --bind DIR DIR) before chroot DIR"
  elif ! unshare --net --mount mount -t sysfs sys /sys 2>/dev/null; then
    missing "sysfs can't be mounted, which ip netns exec does"
  elif ! { [[ -d /run/netns ]] || mkdir -p /run/netns; } 2>/dev/null; then
    missing "/run can't be written to, where ip netns keeps namespaces"
  fi
}

# check_disk FOLDER MEGABYTES
check_disk() {
  local folder=$1 free
  while [[ ! -d $folder ]]; do folder=$(dirname "$folder"); done
  [[ -w $folder ]] || { missing "$1 can't be written to" && return; }
  free=$(df --output=avail --block-size=1M "$folder" | tail -n 1)
  [[ $free -ge $2 ]] || missing "$folder has $free MB left of the $2 MB that the $what takes there"
}

# The least of MemAvailable and the limits of the control groups, in MB.
free_memory() {
  local least group limit
  least=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
  group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
  while [[ $group == /sys/fs/cgroup* ]]; do
    limit=$(cat "$group/memory.max" 2>/dev/null || echo max)
    [[ $limit == max || $((limit >> 20)) -ge $least ]] || least=$((limit >> 20))
    group=${group%/*}
  done
  echo "$least"
}

check_memory() {
  local -r needed=$1
  local free
  free=$(free_memory)
  [[ $free -ge $needed ]] || missing "$free MB of memory are free of the $needed MB that the $what takes"
}

check_cpu
check_programs
check_namespaces
check_disk "$PWD" 800
check_disk "${TMPDIR:-/tmp}" 500
cache=${XDG_CACHE_HOME:-$(is_root && echo /var/cache || echo "${HOME:-/}/.cache")}
if [[ $what == cluster ]]; then
  check_cluster
  check_disk "$cache" 5000
  check_memory 4500
elif [[ $what == demo ]] || is_root; then
  check_disk "$cache" 700
  check_memory 2500
fi

for problem in "${problems[@]}"; do note "$problem"; done
if [[ ${#problems[@]} -gt 0 ]]; then
  note "nothing was started"
  exit $missing_status
fi

[[ $what == demo ]] || is_root || note "this is not root: tests that need network namespaces, and the lab, are skipped"
[[ -w /dev/kvm || ($what == test && $EUID -ne 0) ]] ||
  note "no /dev/kvm to use: the virtual machine's CPU is emulated, which takes longer"
