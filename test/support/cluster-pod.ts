/**
 * Commands for a shell in a pod's namespace that make what the cluster's own plugin leaves in every pod: eth0 with
 * default routes of both families. Duplicate detection is off, so that nobody has to wait for it.
 */
export const clusterPodScript = `set -e
cd /proc/sys/net/ipv6/conf
for each in all default; do
  echo 0 >$each/accept_dad
  echo 0 >$each/router_solicitations
done
ip link set lo up
ip link add eth0 address 02:00:00:00:00:01 type veth peer name eth0peer address 02:00:00:00:00:02
ip link set eth0 up
ip link set eth0peer up
ip addr add 10.244.0.7/24 dev eth0
ip addr add fd44::7/64 dev eth0
ip route add default via 10.244.0.1
ip -6 route add default via fd44::1
`;
