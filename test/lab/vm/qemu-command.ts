import { join } from 'node:path';
import { type Kit, kitPath } from '../setup/kit.ts';

export type Accelerator = 'kvm' | 'tcg';

/** The differences between machines. A snapshot fits machines of the same model only. */
export interface MachineModel {
  readonly kit: Kit;
  readonly initramfs: string;
  readonly accelerator: Accelerator;
  /** An emulated IOMMU, which vfio-pci needs. */
  readonly iommu: boolean;
  /** Default: 2048. With more than 2750 the emulated VFs get no answer from their PF. */
  readonly memoryMib?: number;
  /** A third network card, without SR-IOV, not on the wire of the physical functions. */
  readonly uplink?: Uplink;
  /** An image in raw format, the guest's /dev/vda. */
  readonly disk?: string;
}

/** A tap device, and the network namespace that it is in. */
export interface Uplink {
  /** Path of the namespace, in which QEMU runs then. */
  readonly netns: string;
  readonly tap: string;
}

export interface MachineFiles {
  /** Sockets, console log and captures. */
  readonly folder: string;
  /** The folder that the guest has at /share. */
  readonly share: string;
}

const defaultMemoryMib = 2048;
const processors = 2;

export const socketNames = { qmp: 'qmp.sock', agent: 'agent.sock', control: 'control.sock' };
/** How many prompts may be open at once. The kernel has eight of these devices; the first is /dev/hvc0. */
export const terminalCount = 4;
export const terminalSocketName = (index: number): string => `terminal${index}.sock`;
export const consoleLogName = 'console.log';

function cpuArguments(model: MachineModel): readonly string[] {
  if (model.accelerator === 'kvm') return ['-accel', 'kvm', '-cpu', 'host'];
  // With five-level paging the emulated MMU is slower and the guest gains nothing.
  return ['-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off'];
}

function machineArguments(model: MachineModel): readonly string[] {
  if (!model.iommu) return ['-machine', 'q35'];
  return ['-machine', 'q35,kernel-irqchip=split', '-device', 'intel-iommu,intremap=on'];
}

function kernelCommandLine(model: MachineModel): string {
  const words = ['console=ttyS0', 'quiet', 'panic=-1', 'mitigations=off', 'nokaslr', 'no_timer_check', 'tsc=reliable'];
  return [...words, ...(model.iommu ? ['intel_iommu=on'] : [])].join(' ');
}

/** Both physical functions are on one hub: their virtual functions reach each other over this wire. */
function networkArguments(): readonly string[] {
  return [0, 1].flatMap((index) => [
    '-device',
    `pcie-root-port,id=rp${index},chassis=${index + 1},slot=${index + 1}`,
    '-netdev',
    `hubport,id=wire${index},hubid=0`,
    '-device',
    `igb,bus=rp${index},netdev=wire${index},id=pf${index},mac=52:54:00:11:22:3${index}`,
  ]);
}

function uplinkArguments({ uplink }: MachineModel): readonly string[] {
  if (uplink === undefined) return [];
  return [
    ...['-netdev', `tap,id=uplink,ifname=${uplink.tap},script=no,downscript=no`],
    ...['-device', 'virtio-net-pci,netdev=uplink,mac=52:54:00:11:22:40,romfile='],
  ];
}

/** The disk. Data that the guest has synchronised survive QEMU's end, in this machine's page cache at least. */
function diskArguments({ disk }: MachineModel): readonly string[] {
  if (disk === undefined) return [];
  const drive = `file=${quoted(disk)},format=raw,if=none,id=disk,cache=writeback`;
  return ['-drive', drive, '-device', 'virtio-blk-pci,drive=disk'];
}

/** For QEMU a comma ends a path, unless it is doubled. */
function quoted(path: string): string {
  return path.replaceAll(',', ',,');
}

function shareArguments(model: MachineModel, files: MachineFiles): readonly string[] {
  const shares = [
    { tag: 'host', options: `path=/,security_model=none,readonly=on,multidevs=remap` },
    { tag: 'tools', options: `path=${quoted(kitPath.tools(model.kit))},security_model=none,readonly=on` },
    { tag: 'share', options: `path=${quoted(files.share)},security_model=none,multidevs=remap` },
  ];
  return shares.flatMap(({ tag, options }) => [
    '-fsdev',
    `local,id=${tag},${options}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ]);
}

function socketArguments(files: MachineFiles): readonly string[] {
  const listenAt = (id: string, socket: string): string =>
    `socket,id=${id},path=${quoted(join(files.folder, socket))},server=on,wait=off`;
  const listen = (name: keyof typeof socketNames): string => listenAt(name, socketNames[name]);
  const terminals = Array.from({ length: terminalCount }, (_, index) => [
    ...['-chardev', listenAt(`terminal${index}`, terminalSocketName(index))],
    ...['-device', `virtconsole,chardev=terminal${index}`],
  ]);
  return [
    ...['-chardev', listen('qmp'), '-mon', 'chardev=qmp,mode=control'],
    ...['-device', 'virtio-serial-pci'],
    ...['-chardev', listen('agent'), '-device', 'virtserialport,chardev=agent,name=agent'],
    ...['-chardev', listen('control'), '-device', 'virtserialport,chardev=control,name=control'],
    ...terminals.flat(),
  ];
}

export function qemuArguments(model: MachineModel, files: MachineFiles): readonly string[] {
  return [
    ...['-nodefaults', '-nographic', '-no-reboot', '-no-user-config'],
    ...kitPath.qemuFirmware(model.kit).flatMap((folder) => ['-L', folder]),
    ...cpuArguments(model),
    ...machineArguments(model),
    ...['-m', String(model.memoryMib ?? defaultMemoryMib), '-smp', String(processors)],
    // This tells a restored guest that it is a copy, so that its kernel draws new random numbers.
    ...['-device', 'vmgenid,guid=auto'],
    ...['-serial', `file:${join(files.folder, consoleLogName)}`],
    ...['-kernel', kitPath.kernel(model.kit), '-initrd', model.initramfs, '-append', kernelCommandLine(model)],
    ...networkArguments(),
    ...shareArguments(model, files),
    ...socketArguments(files),
    ...uplinkArguments(model),
    ...diskArguments(model),
  ];
}
