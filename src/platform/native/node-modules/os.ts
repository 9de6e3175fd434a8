/** For node-netlink's codecs. The kernels that the native host is built for are little-endian. */
export function endianness(): 'LE' {
  return 'LE';
}
