#!/bin/sh
# Attaches one VF to a network namespace of its own with cnitool, checks it, and gives it back.
#   walk-through.sh PCI-ADDRESS        for instance: walk-through.sh 0000:3b:02.1
# CNI_PATH names the directories of the plugins `sriov` (this one) and `host-local`, CNITOOL the cnitool. Both have
# defaults.
set -eu

pci=${1:?"usage: walk-through.sh PCI-ADDRESS"}
here=$(cd "$(dirname "$0")" && pwd)
network=vf-cnitool
namespace=dra-sriov-walk-through
netns=/var/run/netns/$namespace
cnitool=${CNITOOL:-cnitool}

export NETCONFPATH="$here"
export CNI_PATH="${CNI_PATH:-/opt/cni/bin}"
export CNI_IFNAME=net1
# What a container runtime calls runtimeConfig: given to plugins that declare the capability `deviceID`.
export CAP_ARGS="{\"deviceID\":\"$pci\"}"

say() { printf '\n== %s\n' "$*"; }

finish() {
  status=$?
  trap - EXIT
  # Harmless when it was detached before: DEL may be called as often as one likes.
  "$cnitool" del "$network" "$netns" || status=1
  ip netns delete "$namespace" || status=1
  exit "$status"
}

ip netns add "$namespace"
trap finish EXIT
trap 'exit 1' HUP INT TERM

say "ADD: VF $pci becomes $CNI_IFNAME in $namespace"
"$cnitool" add "$network" "$netns"
echo
ip netns exec "$namespace" ip address show "$CNI_IFNAME"

say 'CHECK: is it still as ADD left it?'
"$cnitool" check "$network" "$netns"

say 'DEL: the VF is back on the host, with its own name and settings'
"$cnitool" del "$network" "$netns"
if ip netns exec "$namespace" ip link show "$CNI_IFNAME" 2>/dev/null; then
  echo "$CNI_IFNAME is still in $namespace" >&2
  exit 1
fi
say 'done'
