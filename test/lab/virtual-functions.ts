import { type CommandRunner, must } from './command.ts';
import type { VirtualFunction } from './lab.ts';

const timeoutMs = 60_000;

/**
 * $1 PF, $2 number of VFs, $3 `rename` to give VFs the names that udev would give. The PF is up with carrier before VFs
 * appear: otherwise igb's first VF takes seconds to come up. igb opens the PF anew for VFs, and takes no rate before
 * carrier is back. Prints a line for each VF: index, PCI address, netdev, MAC.
 */
const script = `
set -e
device=/sys/class/net/$1/device
ip link set "$1" up
await_carrier() {
  until read -r carrier <"/sys/class/net/$1/carrier" && [ "$carrier" = 1 ]; do sleep 0.02; done
}
await_carrier "$1"
read -r present <"$device/sriov_numvfs"
[ "$present" = 0 ] || echo 0 >"$device/sriov_numvfs"
[ "$2" = 0 ] || echo "$2" >"$device/sriov_numvfs"
renames=$(mktemp)
index=0
while [ "$index" -lt "$2" ]; do
  cd -P "$device/virtfn$index"
  until [ -d net ] && cd net/* 2>/dev/null; do sleep 0.02; done
  read -r mac <address
  function=\${PWD%/net/*}
  netdev=\${PWD##*/}
  if [ "$3" = rename ]; then
    echo "link set $netdev name $1v$index" >>"$renames"
    netdev=$1v$index
  fi
  echo "$index \${function##*/} $netdev $mac"
  index=$((index + 1))
done
ip -batch "$renames"
rm "$renames"
await_carrier "$1"
`;

export async function createVfs(
  runner: CommandRunner,
  pf: string,
  count: number,
  naming: 'rename' | 'keep',
): Promise<readonly VirtualFunction[]> {
  const text = await must(runner, ['/bin/sh', '-c', script, 'sh', pf, String(count), naming], { timeoutMs });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [index, pciAddress = '', netdev = '', mac = ''] = line.split(' ');
      return { pf, index: Number(index), pciAddress, netdev, mac };
    });
}
