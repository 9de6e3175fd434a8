#!/bin/busybox sh
# First process of an arm64 machine with an emulated SR-IOV card: lets the plugin do all it does for a pod, looks at the
# effect with other programs, prints `ok` or `FAILED` for each thing, and `done` at the end.
export PATH=/bin:/usr/bin:/sbin:/usr/sbin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox mount -t tmpfs run /run
busybox mkdir -p /run/netns /var/lib/cni /var/run /tmp /var/run/cdi
busybox mount -t tmpfs cni /var/lib/cni
while read -r module _; do busybox insmod "/modules/$module.ko"; done </modules/order

# This shell takes busybox's own otherwise.
ip() { /usr/bin/ip "$@"; }
pf_pci=0000:01:00.0
plugin=/opt/cni/bin/dra-sriov
vf_of() { busybox basename "$(busybox readlink "/sys/bus/pci/devices/$pf_pci/virtfn$1")"; }
netdev_of() { busybox ls "/sys/bus/pci/devices/$1/net"; }

ip link set lo up
pf=$(netdev_of "$pf_pci")
ip link set "$pf" up
echo 2 >"/sys/bus/pci/devices/$pf_pci/sriov_numvfs"
until [ -e "/sys/bus/pci/devices/$(vf_of 1)/net" ]; do busybox usleep 50000; done
ip netns add pod
home=$(netdev_of "$(vf_of 0)")
# What igb tells of a VF whose MAC nobody has set.
any=00:00:00:00:00:00
before=$(ip -brief link show "$home")

# try NAME COMMAND...: the command has to succeed.
try() {
  name=$1
  shift
  if "$@" >/tmp/out 2>/tmp/err; then echo "ok $name"; else
    echo "FAILED $name"
    busybox cat /tmp/out /tmp/err
  fi
}
# cni VERB [IFNAME]
cni() {
  CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=${2:-net1} CNI_PATH=/opt/cni/bin:/usr/lib/cni \
    CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;K8S_POD_UID=$uid" "$plugin" </tmp/conf
}
# says TEXT COMMAND...: what the command prints has the text, in one line if that is the pattern.
says() {
  text=$1
  shift
  "$@" >/tmp/said
  busybox cat /tmp/said
  busybox grep -q -- "$text" /tmp/said
}
# conf VERSION KEYS: a network config; host-local of Debian 12 knows CNI 1.0.
conf() {
  version=$1
  printf '{"cniVersion":"%s","name":"vf-test1","type":"dra-sriov",%s"ipam":{"type":"host-local","subnet":"%s"}}\n' \
    "$version" "$2" 10.0.2.0/24 >/tmp/conf
}
prev() {
  busybox sed "s|^{|{\"prevResult\":$(busybox tr -d '\n' </tmp/result),|" </tmp/conf >/tmp/conf.next &&
    busybox mv /tmp/conf.next /tmp/conf
}
uid=6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01

try 'the machine is arm64' says aarch64 busybox uname -m
conf 1.1.0 ''
try 'VERSION' says 1.1.0 cni VERSION
try 'STATUS' cni STATUS
settings='"vlan":100,"vlanQoS":3,"spoofchk":"off","mac":"02:00:00:00:00:17","mtu":1400'
conf 1.0.0 "\"deviceID\":\"$(vf_of 0)\",$settings,"
asked=$(busybox cat /tmp/conf)
try 'ADD by deviceID' says '"10.0.2.2/24"' cni ADD
busybox cp /tmp/said /tmp/result
try 'the PF has the settings' says '02:00:00:00:00:17.*vlan 100, qos 3, spoof checking off' ip link show "$pf"
try 'the pod has the interface, up, with its MTU' says 'UP.*> mtu 1400 ' ip -n pod link show net1
try 'the pod has the address' says 'inet 10.0.2.2/24' ip -n pod addr show net1
prev
try 'CHECK' cni CHECK
ip -n pod link set net1 mtu 1300
try 'CHECK finds what was tampered with' says '1300' cni CHECK
ip -n pod link set net1 mtu 1400
try 'attachments lists it' says 'vf-test1' "$plugin" attachments
try 'inspect tells the VLAN' says ' 100' "$plugin" inspect
echo "$asked" >/tmp/conf
try 'DEL' cni DEL
try 'DEL again' cni DEL
try 'the VF is home as it was' test "$before" = "$(ip -brief link show "$home")"
try 'the PF has no setting left' says "vf 0 .*$any brd ff:ff:ff:ff:ff:ff, spoof checking on" ip link show "$pf"
try 'no address is taken' test -z "$(busybox ls /var/lib/cni/networks/vf-test1 | busybox grep '^10')"

driver=sriovnetwork.k8snetworkplumbingwg.io
busybox cat >"/var/run/cdi/$driver-vf_$uid.yaml" <<SPEC
---
cdiVersion: 0.5.0
kind: $driver/vf
devices:
    - name: $uid
      containerEdits:
        env:
            - SRIOVNETWORK_PCI_ADDRESSES=$(vf_of 0),$(vf_of 1)
SPEC
conf 1.0.0 ''
try 'ADD net1 by UID' says 10.0.2.3/24 cni ADD net1
try 'ADD net2 by UID' says 10.0.2.4/24 cni ADD net2
try 'net1 is the first VF' says "$(vf_of 0)" "$plugin" inspect net1
try 'net2 is the second VF' says "$(vf_of 1)" "$plugin" inspect net2
ip netns delete pod
conf 1.1.0 '"cni.dev/valid-attachments":[],'
try 'GC' cni GC
try 'nothing is on record' says 'No attachments' "$plugin" attachments
try 'both VFs are home' test -n "$(netdev_of "$(vf_of 0)")" -a -n "$(netdev_of "$(vf_of 1)")"
echo 'done'
busybox poweroff -f
