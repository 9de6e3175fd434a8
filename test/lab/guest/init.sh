#!/bin/busybox sh
# First process of the lab's guest: loads the drivers, brings the physical functions up, then serves commands.
# It mounts nothing of the host and creates no virtual function: a snapshot that holds either does not restore.
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev

while read -r module parameters; do
  busybox insmod "/modules/$module.ko" $parameters || echo "lab: module $module did not load"
done </modules/order

bring_up() {
  device=/sys/bus/pci/devices/$1/net
  busybox ip link set "$(busybox ls "$device")" name "$2"
  busybox ip link set "$2" up
  until [ "$(busybox cat "/sys/class/net/$2/carrier")" = 1 ]; do busybox usleep 10000; done
}
busybox ip link set lo up
while read -r address name; do bring_up "$address" "$name"; done </lab/physical-functions

find_port() {
  for port in /sys/class/virtio-ports/*; do
    [ "$(busybox cat "$port/name")" = "$1" ] && echo "/dev/${port##*/}"
  done
}
busybox mkdir -p /run/agent /run/control
busybox sh /lab/agent.sh /run/control 3<>"$(find_port control)" &
busybox sh /lab/agent.sh /run/agent 3<>"$(find_port agent)" &
echo $! >/run/control/agent
echo 'lab: ready'
# As process 1 it also reaps what commands leave behind; `wait` returns when a signal arrives, hence the loop.
while :; do wait; busybox sleep 1; done
