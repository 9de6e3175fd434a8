// What a pod that is root in its own network namespace can do to its VF, with the programs that it would use. An
// operation may fail, on another card or after another operation.
import { assert } from '../support/suite.ts';
import type { VirtualFunction } from './lab.ts';
import type { LabNode } from './lab-node.ts';

/** A namespace that outlives the pod, such as another pod's, or one that a process of the pod has. */
export const refuge = 'refuge';

/** Commands of /bin/sh inside of the pod, where $IF is the VF. `move NAME`: the device goes to the refuge. */
export const operations: readonly string[] = [
  'ip link set $IF promisc on',
  'ip link set $IF allmulticast on',
  'ip link set $IF arp off',
  'ip link set $IF multicast off',
  'ip link set $IF dynamic on',
  'ip link set $IF txqueuelen 77',
  'ip link set $IF txqueuelen 0',
  'ip link set $IF alias "an alias of the pod"',
  'ip link set $IF group 42',
  'ip link set $IF broadcast ff:ff:ff:00:00:00',
  'ip link set $IF mode dormant',
  'ip link set $IF protodown on',
  'ip link set $IF gso_max_size 30000 gso_max_segs 100',
  'ip link set $IF gro_max_size 20000',
  'ip link set $IF mtu 1300',
  'ip link set $IF address 02:00:00:00:0a:0a',
  'ip link set $IF down',
  'ip link set $IF up',
  'ip link property add dev $IF altname an-altname-of-the-pod',
  'ip addr add 10.77.0.1/24 dev $IF; ip route add 10.78.0.0/16 dev $IF',
  'ethtool -K $IF tso off gro off',
  'ethtool -K $IF rx off sg off',
  'ethtool -K $IF rx-gro-list on tx-nocache-copy on',
  'ethtool -K $IF tx-gre-segmentation off',
  'ethtool -G $IF rx 512 tx 256',
  'ethtool -C $IF rx-usecs 100',
  'ethtool -L $IF combined 1; ethtool -A $IF rx off; ethtool --set-priv-flags $IF any on',
  'ethtool -s $IF msglvl 0xff',
  'set_file gro_flush_timeout 5000; set_file napi_defer_hard_irqs 7',
  'set_file threaded 1',
  'set_file queues/rx-0/rps_cpus 3; set_file queues/rx-0/rps_flow_cnt 128',
  'set_file queues/tx-0/xps_rxqs 1; set_file queues/tx-0/xps_cpus 3; set_file queues/tx-0/tx_maxrate 10',
  'set_file queues/tx-0/byte_queue_limits/limit_max 96; set_file queues/tx-0/byte_queue_limits/limit_min 8',
  'set_file queues/tx-0/byte_queue_limits/hold_time 400; set_file queues/tx-0/byte_queue_limits/stall_thrs 40',
  'tc qdisc replace dev $IF root netem delay 10ms',
  'tc qdisc add dev $IF clsact; tc filter add dev $IF ingress matchall action drop',
  'bridge fdb add 02:00:00:00:00:77 dev $IF self permanent',
  'ip neigh replace 10.1.1.1 lladdr 02:00:00:00:00:78 dev $IF nud permanent',
  'ip maddr add 01:00:5e:00:00:77 dev $IF',
  'ip link set dev $IF xdpgeneric pinned $PROGRAM',
  'ip link add link $IF name vlan5 type vlan id 5; ip link set vlan5 up',
  'ip link add link $IF name vlan6 type vlan id 6; move vlan6; ip -n $REFUGE link set vlan6 up',
  'ip link add link $IF name mv0 type macvlan mode bridge; ip link set mv0 up',
  'ip link add link $IF name mv1 type macvlan mode bridge; move mv1; ip -n $REFUGE link set mv1 up',
  'ip link add link $IF name mv2 type macvlan mode passthru; ip link set mv2 up',
  'ip link add link $IF name mvt type macvtap mode private; ip link set mvt up',
  'ip link add link $IF name iv0 type ipvlan mode l2; ip link set iv0 up',
  'ip link add link $IF name iv1 type ipvlan mode l2; move iv1',
  'ip link add link mv0 name mv0.7 type vlan id 7; ip link set mv0.7 up',
  'ip link add br0 type bridge; ip link set $IF master br0; ip link set br0 up',
  'ip link add vrf0 type vrf table 10; ip link set $IF master vrf0; ip link set vrf0 up',
  'ip link set $IF nomaster',
];

/**
 * An XDP program that lets all pass, in $PROGRAM: struct bpf_attr of BPF_PROG_LOAD (5) and BPF_OBJ_PIN (6),
 * linux/bpf.h; bpf(2) is system call 321 on x86-64, which is what the lab is.
 */
const makeProgram = `
mkdir -p /run/bpf && { mountpoint -q /run/bpf || mount -t bpf bpf /run/bpf; } && [ -e /run/bpf/pass ] || perl -e '
  my ($instructions, $licence, $path) = (pack("H*", "b7000000020000009500000000000000"), "GPL\\0", "/run/bpf/pass\\0");
  my $address = sub { unpack("Q", pack("P", $_[0])) };
  my $load = pack("LLQQLLQLL", 6, 2, $address->($instructions), $address->($licence), 0, 0, 0, 0, 0);
  my $fd = syscall(321, 5, $load, length $load);
  my $pin = pack("QLL", $address->($path), $fd, 0);
  exit($fd < 0 || syscall(321, 6, $pin, length $pin) < 0);'`;

/** Makes the refuge and what the operations need. */
export async function prepareHostilePod(node: LabNode): Promise<void> {
  await node.sh(`${makeProgram}\nip netns add ${refuge}`);
}

/** Runs the operations in the pod, one after the other; returns what each of them said. */
export async function beHostile(node: LabNode, pod: string, chosen: readonly string[]): Promise<string> {
  const script = `
    IF=net1 REFUGE=${refuge} PROGRAM=/run/bpf/pass
    move() { ip link set "$1" netns $REFUGE; }
    set_file() { echo "$2" >"/sys/class/net/$IF/$1"; }
    exec 2>&1
    ${chosen.join('\n    ')}
    true`;
  return await node.sh(`ip netns exec ${pod} sh -c '${script}'`);
}

/** Throws if a device on the VF has outlived its DEL in the refuge. */
export async function assertRefugeIsEmpty(node: LabNode): Promise<void> {
  const links = await node.ip<{ ifname: string }[]>('-n', refuge, 'link', 'show');
  assert.equal(
    links.map(({ ifname }) => ifname),
    ['lo'],
    'what was on the VF is gone',
  );
}

/** Settings of a VF on the host that other programs show, but not `ip -d -j link`. */
async function pictureOfVf(node: LabNode, { netdev }: VirtualFunction): Promise<string> {
  return await node.sh(`
    exec 2>&1
    for option in -k -g -c -l -a --show-priv-flags; do echo "ethtool $option"; ethtool $option ${netdev}; done
    ethtool ${netdev} | grep "message level"
    tc qdisc show dev ${netdev}; tc filter show dev ${netdev} ingress
    bridge fdb show dev ${netdev}; ip maddr show dev ${netdev} | tail -n +2; ip neigh show dev ${netdev}
    cd /sys/class/net/${netdev}
    grep -s . gro_flush_timeout napi_defer_hard_irqs threaded queues/*/* queues/*/byte_queue_limits/[hl]*_* queues/*/byte_queue_limits/stall_thrs
    ls | grep _`);
}

/** All that a pod may change on the node, in lines: links and files (LabNode.picture), and settings of the VF. */
export async function pictureWithVf(node: LabNode, vf: VirtualFunction): Promise<readonly string[]> {
  const { links, files } = (await node.picture()) as { links: readonly object[]; files: string };
  const lines = [files, await pictureOfVf(node, vf)].flatMap((text) => text.split('\n'));
  return [...links.map((link) => JSON.stringify(link)), ...lines];
}
