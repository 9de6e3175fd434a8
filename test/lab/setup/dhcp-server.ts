import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { provideDebianPackage } from './debian-package.ts';

/**
 * Path of a DHCP server, ISC's. It reads packets as they come off the wire: the dhcp plugin's RELEASE has the source
 * 0.0.0.0, which the kernel keeps from sockets.
 */
export async function provideDhcpServer(progress: Progress): Promise<string> {
  return join(await provideDebianPackage('isc-dhcp-server', progress), 'usr/sbin/dhcpd');
}
