// A small rtnetlink for createMemoryPlatform, at message level: namespaces with links, addresses and routes, and a PF
// with VF settings. It answers what the plugin asks, in the kernel's order and with the kernel's errno
// (net/core/rtnetlink.c, net/core/dev.c), keeps a list of all that was changed, and refuses what a test wants refused.
import { formatAddress } from '../../src/kernel/ip-text.ts';
import type { Datagram, NetlinkProtocol, NetlinkSocket, Netns } from '../../src/platform/platform.ts';
import { cString, encodeLink, type MemoryAddress, type MemoryLink } from './memory-links.ts';
import { attribute, attributesOf, listAttributes, words } from './netlink-bytes.ts';
import {
  applyVfChange,
  type FakeVf,
  IFLA_VFINFO_LIST,
  macText,
  readVfChange,
  type VfAttributeName,
} from './vf-info.ts';

const errno = {
  ENOENT: 2,
  EBADF: 9,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
} as const;
const IFLA_IFALIAS = 20;
/** IFLA_BROADCAST, TXQLEN, LINKMODE, IFALIAS, GROUP, PROTO_DOWN, GSO and GRO limits */
const settingTypes: ReadonlySet<number> = new Set([2, 13, 17, IFLA_IFALIAS, 27, 39, 40, 41, 58, 63, 64]);
const IFLA_XDP = 43;
const rdmaGet = 0x1401;
const rdmaSet = 0x1402;
const NLM_F_DUMP = 0x300;
const NLM_F_MULTI = 2;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

/** ETHTOOL_S* to ETHTOOL_G* */
const ethtoolGets = new Map([
  [0x28, 0x27],
  [0x3d, 0x3c],
  [0x11, 0x10],
  [0x0f, 0x0e],
  [0x13, 0x12],
  [0x08, 0x07],
]);

/** A refusal of the kernel's, with its own words. */
class Refusal extends Error {
  readonly errno: number;
  readonly extack: string;

  constructor(refused: number, extack = '') {
    super(`errno ${refused}`);
    this.errno = refused;
    this.extack = extack;
  }
}

interface PlannedRefusal {
  readonly what: string | RegExp;
  readonly errno: number;
  readonly extack: string;
  left: number;
}

export interface MemoryRoute {
  readonly ifindex: number;
  readonly family: number;
  readonly payload: Buffer;
  /** `10.9.0.0/16 via 10.0.2.1 table 254` */
  readonly text: string;
}

export class MemoryNamespace {
  readonly label: string;
  readonly device: bigint;
  readonly inode: bigint;
  /** SO_NETNS_COOKIE; no other namespace ever has it. */
  readonly cookie: number;
  readonly links: MemoryLink[] = [];
  routes: MemoryRoute[] = [];
  readonly listeners = new Set<() => void>();
  /** How many netlink sockets in it are open. */
  sockets = 0;
  /** Namespaces that it has an ID of; the ID is the index here. */
  readonly netnsIds: MemoryNamespace[] = [];

  constructor(label: string, device: bigint, inode: bigint, cookie: number) {
    this.cookie = cookie;
    this.label = label;
    this.device = device;
    this.inode = inode;
  }

  /** By name or altname. */
  find(name: string): MemoryLink | undefined {
    return this.links.find((link) => link.name === name || link.altnames.includes(name));
  }

  /** As peernet2id_alloc() in net/core/net_namespace.c. */
  idOf(other: MemoryNamespace): number {
    if (!this.netnsIds.includes(other)) this.netnsIds.push(other);
    return this.netnsIds.indexOf(other);
  }

  get(name: string): MemoryLink {
    const link = this.find(name);
    if (link === undefined) throw new Error(`${this.label} has no link ${name}`);
    return link;
  }
}

/** A device of the RDMA subsystem in exclusive mode, which is in one namespace only. */
export interface MemoryRdmaDevice {
  readonly index: number;
  readonly name: string;
  namespace: MemoryNamespace;
}

export type NewLink = Partial<Omit<MemoryLink, 'ifindex' | 'name'>>;

interface Request {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Buffer;
}

export class MemoryKernel {
  /** All requested changes, refused or not, in order: `host: vf0 mtu 1400`. Tests may add lines of their own. */
  readonly changes: string[] = [];
  /** Every message, by its type. */
  readonly messageTypes: number[] = [];
  readonly namespaces: MemoryNamespace[] = [];
  readonly rdmaDevices: MemoryRdmaDevice[] = [];
  /** Called when a link came, went or changed its name. */
  onLinksChanged: () => void = () => undefined;
  /** The namespace of an open descriptor. */
  descriptor: (fd: number) => Pick<Netns, 'device' | 'inode'> | undefined = () => undefined;
  /** The namespace of the thread that sends. */
  currentNetns: () => Pick<Netns, 'device' | 'inode'> | undefined = () => undefined;
  clock: { nowMs: number } = { nowMs: 0 };
  readonly #refusals: PlannedRefusal[] = [];
  #nextIfindex = 1;
  #lastCookie = 0;
  #nextPort = 7000;

  addNamespace(label: string, { device, inode }: Pick<Netns, 'device' | 'inode'>): MemoryNamespace {
    const namespace = new MemoryNamespace(label, device, inode, ++this.#lastCookie);
    this.namespaces.push(namespace);
    this.addLink(namespace, 'lo', { up: true });
    return namespace;
  }

  addLink(namespace: MemoryNamespace, name: string, link: NewLink = {}): MemoryLink {
    const ifindex = this.#nextIfindex++;
    const mac = `52:54:00:00:00:${ifindex.toString(16).padStart(2, '0')}`;
    const own = { type: 1, mac, mtu: 1500, maxMtu: 9216, up: false, cable: true };
    const usual = { ...own, altnames: [], parent: null, master: null };
    const plain = {
      counters: null,
      flags: 0x1002,
      settings: new Map(),
      xdp: 0,
      ethtool: new Map(),
      kind: '',
      lower: null,
    };
    const added: MemoryLink = {
      ...usual,
      ...plain,
      vfs: null,
      addresses: [],
      heard: [],
      driver: null,
      ...link,
      ifindex,
      name,
    };
    namespace.links.push(added);
    this.onLinksChanged();
    return added;
  }

  addRdmaDevice(namespace: MemoryNamespace, name: string): MemoryRdmaDevice {
    const device: MemoryRdmaDevice = { index: this.rdmaDevices.length, name, namespace };
    this.rdmaDevices.push(device);
    return device;
  }

  /** Answers changes whose line in `changes` holds or matches `what` with an errno; `times` of them. */
  refuse(what: string | RegExp, refused: number, { extack = '', times = Number.POSITIVE_INFINITY } = {}): void {
    this.#refusals.push({ what, errno: refused, extack, left: times });
  }

  /**
   * Answers of a link's driver, for `createMemoryPlatform({ethtool})`. A SET replaces what its GET returns.
   */
  ethtool(netns: Pick<Netns, 'device' | 'inode'>, ifname: string, request: Buffer): Buffer | number {
    const namespace = this.#namespaceOf(netns);
    const link = namespace?.find(ifname);
    if (namespace === undefined || link === undefined) return errno.ENODEV;
    const command = request.readUInt32LE(0);
    const state = link.ethtool.get(command);
    if (state !== undefined) return Buffer.from(state);
    const get = ethtoolGets.get(command);
    if (get === undefined || !link.ethtool.has(get)) return errno.EOPNOTSUPP;
    try {
      this.#doing(namespace, `${link.name} ethtool ${command.toString(16)} ${request.toString('hex', 4)}`);
    } catch (thrown) {
      if (thrown instanceof Refusal) return thrown.errno;
      throw thrown;
    }
    const changed = Buffer.from(request);
    changed.writeUInt32LE(get, 0);
    link.ethtool.set(get, changed);
    return request;
  }

  /** Refuses nothing any more. */
  allowAll(): void {
    this.#refusals.length = 0;
  }

  /** Ends a namespace: the kernel takes the physical links back to the host, under their names where those are free. */
  endNamespace(namespace: MemoryNamespace, host: MemoryNamespace): void {
    this.namespaces.splice(this.namespaces.indexOf(namespace), 1);
    for (const link of namespace.links.filter((each) => each.driver !== null)) {
      this.#carry(link, namespace, host, host.find(link.name) === undefined ? link.name : `dev${link.ifindex}`);
    }
    for (const device of this.rdmaDevices) if (device.namespace === namespace) device.namespace = host;
    this.onLinksChanged();
  }

  /** For `createMemoryPlatform({netlink})`. */
  open(netns: Pick<Netns, 'device' | 'inode'>, groups: number, protocol: NetlinkProtocol = 'route'): NetlinkSocket {
    const namespace = this.#namespaceOf(netns);
    if (namespace === undefined) throw new Error(`the memory kernel has no namespace ${netns.device}:${netns.inode}`);
    return new MemorySocket(this, namespace, this.#nextPort++, groups, protocol);
  }

  /** The answer to one message, as datagrams. */
  answer(namespace: MemoryNamespace, port: number, protocol: NetlinkProtocol, request: Request): Buffer[] {
    this.messageTypes.push(request.type);
    const isRead = protocol === 'rdma' ? request.type === rdmaGet : (request.type & 3) === 2;
    const isDump = isRead && (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
    const reply = (type: number, payload: Buffer, flags = 0): Buffer =>
      message(type, flags, request.seq, port, payload);
    try {
      const [type, payloads] =
        protocol === 'rdma' ? this.#serveRdma(namespace, request) : this.#serve(namespace, request, isDump);
      const replies = payloads.map((payload) => reply(type, payload, isDump ? NLM_F_MULTI : 0));
      const echo = Buffer.concat([words(0, request.payload.length + 16, 0, request.seq), words(port)]);
      return [...replies, isDump ? reply(3, words(0), NLM_F_MULTI) : reply(2, echo, NLM_F_CAPPED)];
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      const echo = [words(-thrown.errno, request.payload.length + 16, 0, request.seq), words(port)];
      const words_ = thrown.extack === '' ? [] : [attribute(1, cString(thrown.extack))];
      const flags = NLM_F_CAPPED | (thrown.extack === '' ? 0 : NLM_F_ACK_TLVS);
      return [reply(2, Buffer.concat([...echo, ...words_]), flags)];
    }
  }

  #serve(namespace: MemoryNamespace, request: Request, isDump: boolean): [number, Buffer[]] {
    for (const each of this.namespaces) {
      for (const link of each.links) link.driver?.passTime(link, this.clock.nowMs);
    }
    const { type, payload } = request;
    if (type === 18) return [16, this.#getLinks(namespace, payload, isDump)];
    if (type === 90) return [88, this.#getNetnsIds(namespace, payload, isDump)];
    if (type === 22) return [20, this.#getAddresses(namespace, payload)];
    if (type === 30) return [28, namespace.links.flatMap(heardMacs)];
    if (type === 26) {
      return [24, namespace.routes.filter((route) => route.family === payload[0]).map((route) => route.payload)];
    }
    if (type === 16) this.#changeLink(namespace, payload);
    else if (type === 17) this.#removeLink(namespace, payload);
    else if (type === 108 || type === 109) this.#changeAltnames(namespace, payload, type === 108);
    else if (type === 20) this.#addAddress(namespace, payload);
    else if (type === 21) this.#removeAddress(namespace, payload);
    else if (type === 24) this.#addRoute(namespace, payload);
    else if (type === 28 || type === 29) this.#changeNeighbour(namespace, payload, type === 28);
    else throw new Refusal(errno.EOPNOTSUPP, `the memory kernel doesn't know message ${type}`);
    for (const listener of namespace.listeners) listener();
    return [0, []];
  }

  /** drivers/infiniband/core/nldev.c and device.c: a device is taken from the namespace of the sending thread. */
  #serveRdma(namespace: MemoryNamespace, { type, payload }: Request): [number, Buffer[]] {
    const seen = this.rdmaDevices.filter((device) => device.namespace === namespace);
    if (type === rdmaGet) {
      const describe = ({ index, name }: MemoryRdmaDevice): Buffer =>
        Buffer.concat([attribute(1, words(index)), attribute(2, cString(name)), attribute(3, words(1))]);
      return [type, seen.map(describe)];
    }
    if (type !== rdmaSet) throw new Refusal(errno.EINVAL);
    const attributes = attributesOf(payload);
    const device = seen.find(({ index }) => index === attributes.get(1)?.readUInt32LE(0));
    const netns = this.descriptor(attributes.get(68)?.readUInt32LE(0) ?? -1);
    const to = netns === undefined ? undefined : this.#namespaceOf(netns);
    if (device === undefined || to === undefined) throw new Refusal(errno.EINVAL);
    this.#doing(namespace, `RDMA device ${device.name} to ${to.label}`);
    const current = this.currentNetns();
    if (current === undefined || this.#namespaceOf(current) !== namespace) throw new Refusal(errno.ENODEV);
    device.namespace = to;
    this.onLinksChanged();
    return [0, []];
  }

  #getLinks(namespace: MemoryNamespace, payload: Buffer, isDump: boolean): Buffer[] {
    const attributes = attributesOf(payload.subarray(16));
    const extMask = attributes.get(29)?.readUInt32LE(0) ?? 0;
    const looked = this.#inNamespace(namespace, payload);
    const links = isDump ? looked.links : [this.#target(looked, payload)];
    return links.map((link) => encodeLink(link, extMask, this.#lowerNetnsId(namespace, looked, link)));
  }

  /** IFLA_TARGET_NETNSID */
  #inNamespace(namespace: MemoryNamespace, payload: Buffer): MemoryNamespace {
    const id = attributesOf(payload.subarray(16)).get(46)?.readInt32LE(0);
    const other = id === undefined ? namespace : namespace.netnsIds[id];
    if (other === undefined || !this.namespaces.includes(other)) throw new Refusal(errno.EINVAL);
    return other;
  }

  /** rtnl_fill_link_netnsid(): by the IDs of whoever asks. */
  #lowerNetnsId(asking: MemoryNamespace, of: MemoryNamespace, { lower }: MemoryLink): number | null {
    const holder = lower === null ? undefined : this.namespaces.find(({ links }) => links.includes(lower));
    return holder === undefined || holder === of ? null : asking.idOf(holder);
  }

  #getNetnsIds(namespace: MemoryNamespace, payload: Buffer, isDump: boolean): Buffer[] {
    const encode = (id: number): Buffer => Buffer.concat([words(0), attribute(1, words(id >>> 0))]);
    if (isDump) return namespace.netnsIds.map((_, id) => encode(id));
    const netns = this.descriptor(attributesOf(payload.subarray(4)).get(3)?.readUInt32LE(0) ?? -1);
    const other = netns === undefined ? undefined : this.#namespaceOf(netns);
    if (other === undefined) throw new Refusal(errno.EINVAL);
    return [encode(namespace.netnsIds.indexOf(other))];
  }

  /** Removes a link with the links on top of it. */
  #removeLink(namespace: MemoryNamespace, payload: Buffer): void {
    const where = this.#inNamespace(namespace, payload);
    const link = this.#target(where, payload);
    this.#doing(where, `remove ${link.name}`);
    if (link.kind === '') throw new Refusal(errno.EOPNOTSUPP);
    const isOn = (each: MemoryLink | null): boolean => each !== null && (each === link || isOn(each.lower));
    for (const { links } of this.namespaces) {
      for (const each of links.filter((one) => isOn(one))) links.splice(links.indexOf(each), 1);
    }
    this.onLinksChanged();
  }

  #target(namespace: MemoryNamespace, payload: Buffer): MemoryLink {
    const ifindex = payload.readInt32LE(4);
    const attributes = attributesOf(payload.subarray(16));
    const name = (attributes.get(3) ?? attributes.get(53))?.toString('utf8').replace('\0', '');
    const link = ifindex > 0 ? namespace.links.find((each) => each.ifindex === ifindex) : namespace.find(name ?? '');
    if (link === undefined) throw new Refusal(errno.ENODEV);
    return link;
  }

  /** The order of do_setlink(): namespace, MAC, MTU, name, VFs, up or down. */
  #changeLink(namespace: MemoryNamespace, payload: Buffer): void {
    const link = this.#target(namespace, payload);
    const attributes = attributesOf(payload.subarray(16));
    const given = (type: number): Buffer | undefined => attributes.get(type);
    const name = given(3)?.toString('utf8').replace('\0', '');
    const [fd, mac, mtu, list] = [given(28), given(1), given(4), given(IFLA_VFINFO_LIST)];
    if (fd !== undefined) this.#move(link, namespace, fd.readUInt32LE(0), name ?? link.name);
    if (mac !== undefined) this.#setMac(namespace, link, macText(mac));
    if (mtu !== undefined) this.#setMtu(namespace, link, mtu.readUInt32LE(0));
    if (fd === undefined && name !== undefined && payload.readInt32LE(4) > 0) this.#rename(namespace, link, name);
    if (list !== undefined) this.#changeVf(namespace, link, list);
    this.#changeSettings(namespace, link, attributes, payload.readUInt32LE(8), payload.readUInt32LE(12));
    if ((payload.readUInt32LE(12) & 1) !== 0) this.#setUp(namespace, link, (payload.readUInt32LE(8) & 1) !== 0);
  }

  /** Notes a change, and throws where a test wants it refused. */
  #doing(namespace: MemoryNamespace, text: string): void {
    const line = `${namespace.label}: ${text}`;
    this.changes.push(line);
    this.#throwIfRefused(line);
  }

  #throwIfRefused(line: string): void {
    const refusal = this.#refusals.find(({ what, left }) => left > 0 && matches(line, what));
    if (refusal === undefined) return;
    refusal.left--;
    throw new Refusal(refusal.errno, refusal.extack);
  }

  /** As __dev_change_net_namespace() and do_setlink(): under its name if that is free, and then it gets the new one. */
  #move(link: MemoryLink, from: MemoryNamespace, fd: number, name: string): void {
    const netns = this.descriptor(fd);
    if (netns === undefined) throw new Refusal(errno.EBADF);
    const to = this.#namespaceOf(netns);
    if (to === undefined) throw new Refusal(errno.EINVAL);
    this.#doing(from, `${link.name} to ${to.label} as ${name}`);
    const isTaken = (each: string): boolean => to.find(each) !== undefined;
    const keepsName = !isTaken(link.name);
    if (link.altnames.some(isTaken) || (!keepsName && isTaken(name))) throw new Refusal(errno.EEXIST);
    this.#carry(link, from, to, keepsName ? link.name : name);
    if (link.name === name) return;
    if (isTaken(name)) throw new Refusal(errno.EEXIST);
    link.name = name;
    this.onLinksChanged();
  }

  #carry(link: MemoryLink, from: MemoryNamespace, to: MemoryNamespace, name: string): void {
    from.links.splice(from.links.indexOf(link), 1);
    from.idOf(to);
    from.routes = from.routes.filter((route) => route.ifindex !== link.ifindex);
    Object.assign(link, { up: false, name, addresses: [] });
    to.links.push(link);
    this.onLinksChanged();
  }

  #setMac(namespace: MemoryNamespace, link: MemoryLink, mac: string): void {
    this.#doing(namespace, `${link.name} mac ${mac}`);
    const refused = link.driver?.setMac(link, mac) ?? 0;
    if (refused !== 0) throw new Refusal(refused);
    if (link.driver === null) link.mac = mac;
  }

  #setMtu(namespace: MemoryNamespace, link: MemoryLink, mtu: number): void {
    this.#doing(namespace, `${link.name} mtu ${mtu}`);
    if (mtu < 68 || mtu > link.maxMtu) throw new Refusal(errno.EINVAL, 'mtu out of range');
    link.mtu = mtu;
  }

  /** The kernel passes over an attribute that it doesn't know. */
  #changeSettings(
    namespace: MemoryNamespace,
    link: MemoryLink,
    attributes: ReadonlyMap<number, Buffer>,
    flags: number,
    mask: number,
  ): void {
    const settings = [...attributes].filter(([type]) => settingTypes.has(type));
    if (settings.length > 0) {
      const given = settings.map(([type, payload]) => [type, payload.toString('hex')] as const);
      this.#doing(namespace, `${link.name} settings ${given.map(([type, hex]) => `${type}=${hex}`).join(' ')}`);
      const known = given.filter(([type]) => link.settings.has(type) || type === IFLA_IFALIAS);
      for (const [type, hex] of known) link.settings.set(type, hex);
      if (link.settings.get(IFLA_IFALIAS) === '') link.settings.delete(IFLA_IFALIAS);
    }
    if (attributes.has(IFLA_XDP)) {
      this.#doing(namespace, `${link.name} xdp off`);
      link.xdp = 0;
    }
    if ((mask & ~1) === 0) return;
    this.#doing(namespace, `${link.name} flags ${(flags & mask).toString(16)}`);
    link.flags = (link.flags & ~mask) | (flags & mask);
  }

  #rename(namespace: MemoryNamespace, link: MemoryLink, name: string): void {
    this.#doing(namespace, `${link.name} name ${name}`);
    if (name !== link.name && namespace.find(name) !== undefined) throw new Refusal(errno.EEXIST);
    link.name = name;
    this.onLinksChanged();
  }

  #setUp(namespace: MemoryNamespace, link: MemoryLink, up: boolean): void {
    this.#doing(namespace, `${link.name} ${up ? 'up' : 'down'}`);
    if (up && !link.up) link.driver?.goUp(link);
    link.up = up;
    if (up) return;
    link.addresses = link.addresses.filter((address) => address.family === 2);
    namespace.routes = namespace.routes.filter((route) => route.ifindex !== link.ifindex);
  }

  #changeVf(namespace: MemoryNamespace, pf: MemoryLink, list: Buffer): void {
    const change = readVfChange(list);
    const vf = pf.vfs?.[change.vf];
    const parts: string[] = [];
    const line = this.changes.push('') - 1;
    const before = vf?.mac;
    const where = `${namespace.label}: ${pf.name} vf ${change.vf}`;
    if (pf.vfs === null) throw new Refusal(errno.EOPNOTSUPP);
    try {
      const refused = applyVfChange(pf.vfs, change, (name, wanted) => {
        const part = spellSetting(name, wanted);
        parts.push(part);
        this.#throwIfRefused(`${where} ${part}`);
        return undefined;
      });
      if (refused !== 0) throw new Refusal(refused);
    } finally {
      this.changes[line] = `${where} ${parts.join(', ')}`;
      if (vf !== undefined && vf.mac !== before) this.#linkOfVf(vf);
    }
  }

  #linkOfVf(vf: FakeVf): void {
    const links = this.namespaces.flatMap((namespace) => namespace.links);
    const pf = links.find((link) => link.vfs?.includes(vf));
    const index = pf?.vfs?.indexOf(vf) ?? -1;
    const link = links.find((each) => each.driver !== null && this.vfIndexOf(each) === index);
    link?.driver?.adminMacChanged(link);
  }

  /** The VF whose netdev a link is; the test that makes the links sets it. */
  vfIndexOf: (link: MemoryLink) => number = () => -1;

  #changeAltnames(namespace: MemoryNamespace, payload: Buffer, add: boolean): void {
    const link = this.#target(namespace, payload);
    const list = attributesOf(payload.subarray(16)).get(52) ?? Buffer.alloc(0);
    const names = listAttributes(list).map(([, text]) => text.toString('utf8').replace('\0', ''));
    this.#doing(namespace, `${link.name} ${add ? 'add' : 'remove'} altnames ${names.join(' ')}`);
    for (const name of names) {
      if (add && namespace.find(name) !== undefined) throw new Refusal(errno.EEXIST);
      if (!add && !link.altnames.includes(name)) throw new Refusal(errno.ENOENT);
      link.altnames = add ? [...link.altnames, name] : link.altnames.filter((each) => each !== name);
    }
  }

  #addAddress(namespace: MemoryNamespace, payload: Buffer): void {
    const link = this.#byIndex(namespace, payload.readUInt32LE(4));
    const [family = 0, prefixLength = 0, flags = 0, scope = 0] = payload;
    const attributes = payload.subarray(8);
    const own = attributesOf(attributes).get(2) ?? Buffer.alloc(4);
    const address: MemoryAddress = {
      family,
      prefixLength,
      flags,
      scope,
      attributes,
      cidr: `${formatAddress(own)}/${prefixLength}`,
    };
    this.#doing(namespace, `${link.name} address ${address.cidr}`);
    if (link.addresses.some(({ cidr }) => cidr === address.cidr)) throw new Refusal(errno.EEXIST);
    link.addresses.push(address);
  }

  #removeAddress(namespace: MemoryNamespace, payload: Buffer): void {
    const link = this.#byIndex(namespace, payload.readUInt32LE(4));
    const own = attributesOf(payload.subarray(8)).get(2) ?? Buffer.alloc(4);
    const cidr = `${formatAddress(own)}/${payload[1]}`;
    this.#doing(namespace, `${link.name} without address ${cidr}`);
    const left = link.addresses.filter((address) => address.cidr !== cidr);
    if (left.length === link.addresses.length) throw new Refusal(errno.EADDRNOTAVAIL);
    link.addresses = left;
  }

  #getAddresses(namespace: MemoryNamespace, payload: Buffer): Buffer[] {
    const ifindex = payload.readUInt32LE(4);
    return namespace.links
      .filter((link) => ifindex === 0 || link.ifindex === ifindex)
      .flatMap((link) =>
        link.addresses.map(({ family, prefixLength, flags, scope, attributes }) =>
          Buffer.concat([Buffer.from([family, prefixLength, flags, scope]), words(link.ifindex), attributes]),
        ),
      );
  }

  #addRoute(namespace: MemoryNamespace, payload: Buffer): void {
    const attributes = attributesOf(payload.subarray(12));
    const link = this.#byIndex(namespace, attributes.get(4)?.readUInt32LE(0) ?? 0);
    const [family = 0, dstLength = 0, , , table = 0] = payload;
    const dst = attributes.get(1) ?? Buffer.alloc(family === 2 ? 4 : 16);
    const gateway = attributes.get(5);
    const via = gateway === undefined ? '' : ` via ${formatAddress(gateway)}`;
    const inTable = attributes.get(15)?.readUInt32LE(0) ?? table;
    const text = `${formatAddress(dst)}/${dstLength}${via} table ${inTable}`;
    this.#doing(namespace, `${link.name} route ${text}`);
    if (!link.up) throw new Refusal(errno.ENETDOWN);
    if (namespace.routes.some((route) => route.text === text)) throw new Refusal(errno.EEXIST);
    namespace.routes.push({ ifindex: link.ifindex, family, payload: Buffer.from(payload), text });
  }

  /** The kernel asks at once for the MAC of an entry that is to be used. Nobody answers here. */
  #changeNeighbour(namespace: MemoryNamespace, payload: Buffer, add: boolean): void {
    const link = this.#byIndex(namespace, payload.readUInt32LE(4));
    const address = formatAddress(attributesOf(payload.subarray(12)).get(1) ?? Buffer.alloc(4));
    this.#doing(namespace, `${link.name} ${add ? 'ask for' : 'forget'} ${address}`);
  }

  #byIndex(namespace: MemoryNamespace, ifindex: number): MemoryLink {
    const link = namespace.links.find((each) => each.ifindex === ifindex);
    if (link === undefined) throw new Refusal(errno.ENODEV);
    return link;
  }

  #namespaceOf({ device, inode }: Pick<Netns, 'device' | 'inode'>): MemoryNamespace | undefined {
    return this.namespaces.find((namespace) => namespace.device === device && namespace.inode === inode);
  }
}

/** Of AF_BRIDGE: struct ndmsg, and NDA_LLADDR. */
function heardMacs({ ifindex, heard }: MemoryLink): Buffer[] {
  return heard.map((mac) => {
    const header = Buffer.alloc(12);
    header[0] = 7;
    header.writeInt32LE(ifindex, 4);
    return Buffer.concat([header, attribute(2, Buffer.from(mac.replaceAll(':', ''), 'hex'))]);
  });
}

class MemorySocket implements NetlinkSocket {
  readonly #port: number;
  readonly #kernel: MemoryKernel;
  readonly #namespace: MemoryNamespace;
  readonly #protocol: NetlinkProtocol;
  readonly #queue: Buffer[] = [];
  readonly #hear = (): void => {
    this.#queue.push(message(16, 0, 0, 0, Buffer.alloc(0)));
  };
  #isOpen = true;

  constructor(
    kernel: MemoryKernel,
    namespace: MemoryNamespace,
    port: number,
    groups: number,
    protocol: NetlinkProtocol,
  ) {
    this.#kernel = kernel;
    this.#namespace = namespace;
    this.#protocol = protocol;
    this.#port = port;
    if (groups !== 0) namespace.listeners.add(this.#hear);
    namespace.sockets++;
  }

  netnsCookie(): string {
    return String(this.#namespace.cookie);
  }

  send(bytes: Uint8Array): void {
    if (!this.#isOpen) throw new Error('a closed socket was written to');
    const sent = Buffer.from(bytes);
    const [type, flags, seq] = [sent.readUInt16LE(4), sent.readUInt16LE(6), sent.readUInt32LE(8)];
    const request = { type, flags, seq, payload: sent.subarray(16, sent.readUInt32LE(0)) };
    this.#queue.push(...this.#kernel.answer(this.#namespace, this.#port, this.#protocol, request));
  }

  receive(timeoutMs: number): Datagram | null {
    const bytes = this.#queue.shift();
    if (bytes !== undefined) return { bytes, senderPort: 0 };
    this.#kernel.clock.nowMs += timeoutMs;
    return null;
  }

  close(): void {
    if (this.#isOpen) this.#namespace.sockets--;
    this.#isOpen = false;
    this.#namespace.listeners.delete(this.#hear);
  }
}

function message(type: number, flags: number, seq: number, port: number, payload: Buffer): Buffer {
  const kind = Buffer.alloc(4);
  kind.writeUInt16LE(type, 0);
  kind.writeUInt16LE(flags, 2);
  const padding = Buffer.alloc(-payload.length & 3);
  return Buffer.concat([words(16 + payload.length), kind, words(seq, port), payload, padding]);
}

function matches(line: string, what: string | RegExp): boolean {
  return typeof what === 'string' ? line.includes(what) : what.test(line);
}

function spellSetting(name: VfAttributeName, vf: Readonly<FakeVf>): string {
  if (name === 'mac') return `mac ${vf.mac}`;
  if (name === 'vlan') return `vlan ${vf.vlan} qos ${vf.qos}`;
  if (name === 'vlanList') return `vlan ${vf.vlan} qos ${vf.qos} proto ${vf.proto.toString(16)}`;
  if (name === 'rate') return `rate ${vf.minTxRate} ${vf.maxTxRate}`;
  if (name === 'spoofchk') return `spoofchk ${vf.spoofchk}`;
  return name === 'linkState' ? `state ${vf.linkState}` : `trust ${vf.trust}`;
}
