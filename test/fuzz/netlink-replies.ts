// Answers of the kernel, byte by byte, and their readers.
import type { NetlinkSession } from '../../src/kernel/netlink/session.ts';
import { listRdmaDevices } from '../../src/kernel/rdma.ts';
import { listAddresses } from '../../src/kernel/rtnl/addresses.ts';
import { getLink, listDeviceLinks } from '../../src/kernel/rtnl/links.ts';
import { listRoutes } from '../../src/kernel/rtnl/routes.ts';
import { listVfAdminStates, readVfAdminState } from '../../src/kernel/rtnl/vfs.ts';
import { isSystemError } from '../../src/lib/system-error.ts';
import {
  ack,
  cString,
  done,
  fakeSession,
  header,
  hex,
  linkPayload,
  nla,
  refusal,
  u32,
  vfInfo,
} from '../unit/kernel/fake-kernel.ts';
import { require } from './target.ts';

export interface Reply {
  readonly name: string;
  readonly type: number;
  readonly sample: Buffer;
  readonly read: (session: NetlinkSession) => unknown;
}

const link = linkPayload(
  3,
  'ens1f0',
  nla(1, hex('021122334455')),
  nla(33, hex('01')),
  nla(0x8034, nla(53, cString('one')), nla(53, cString('two'))),
  nla(56, cString('0000:01:10.6')),
  nla(22, ...[0, 1, 2, 3].map((vf) => vfInfo({ vf, vlan: vf, mac: '021122334455' }))),
);
const address = Buffer.concat([hex('0a40800003000000'), nla(1, Buffer.alloc(16, 7)), nla(8, u32(0x80))]);
const route = Buffer.concat([
  hex('02080000fe03000100000000'),
  nla(1, hex('0a000000')),
  nla(4, u32(3)),
  nla(8, nla(2, u32(1400)), nla(8, u32(1300))),
]);

const gateway = nla(5, Buffer.alloc(16, 7));
const nextHops = [3, 4, 3].map((ifindex) => Buffer.concat([hex('1c000000'), u32(ifindex), gateway]));
const routeOfSeveral = Buffer.concat([hex('0a000000fe03000100000000'), nla(6, u32(1024)), nla(9, ...nextHops)]);

const rdmaDevice = Buffer.concat([nla(1, u32(7)), nla(2, cString('mlx5_2')), nla(3, u32(1)), nla(4, Buffer.alloc(8))]);

/** Payloads, before which `readWith` puts a header. */
export const replies: readonly Reply[] = [
  { name: 'a link', type: 16, sample: link, read: (session) => getLink(session, { ifindex: 3 }) },
  { name: 'links', type: 16, sample: link, read: (session) => listDeviceLinks(session, new Set()) },
  { name: 'a VF', type: 16, sample: link, read: (session) => readVfAdminState(session, 3, 2) },
  { name: 'VFs', type: 16, sample: link, read: (session) => listVfAdminStates(session, 3) },
  { name: 'addresses', type: 20, sample: address, read: (session) => listAddresses(session, 3) },
  { name: 'RDMA devices', type: 0x1401, sample: rdmaDevice, read: (session) => listRdmaDevices(session) },
  { name: 'routes', type: 24, sample: route, read: (session) => listRoutes(session, 3) },
  { name: 'next hops', type: 24, sample: routeOfSeveral, read: (session) => listRoutes(session, 3) },
];

/**
 * The reader's outcome, a result or a SystemError, where the kernel answers with this payload, or refuses in
 * `refusalBytes` bytes.
 */
export function readWith({ type, read }: Reply, payload: Buffer, refusalBytes: number | null): string {
  const [session, socket] = fakeSession((request) => {
    if (refusalBytes !== null) {
      const { bytes, senderPort } = refusal(request, 22, 'no', false);
      return [{ bytes: bytes.subarray(0, refusalBytes), senderPort }];
    }
    const isDump = (request.flags & 0x300) === 0x300;
    const reply = { bytes: header(request, type, payload, isDump ? 2 : 0), senderPort: 0 };
    return [reply, isDump ? done(request) : ack(request)];
  });
  try {
    read(session);
    return 'read';
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return thrown.code;
  } finally {
    require(socket.timeouts.length <= 60, `${socket.timeouts.length} receives`);
  }
}
