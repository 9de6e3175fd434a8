import process from 'node:process';
import { errno, errnoName } from '../../lib/system-error.ts';

/** A system call that failed, as Node's own errors have it: errno is negative. */
export class LibcError extends Error {
  readonly errno: number;
  /** The kernel's own words, or ''. */
  readonly detail: string;

  constructor(number: number, detail = '') {
    super(errnoName(number));
    this.errno = -number;
    this.detail = detail;
  }
}

/** True if a call failed with that errno. */
export function isErrno(thrown: unknown, number: number): boolean {
  return (thrown as { readonly errno?: unknown }).errno === -number;
}

/**
 * Calls for which Node has no function. ioctl(2) and syscall(2) are variadic in C. They are called as if they were not,
 * because on both ABIs that we build for (System V x86-64, AAPCS64) a variadic integer or pointer travels in the same
 * register as a fixed one: glibc's ioctl finds its third argument in rdx or x2 either way.
 */
const signatures = {
  __errno_location: { arguments: [], return: 'pointer' },
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  getsockname: { arguments: ['i32', 'buffer', 'buffer'], return: 'i32' },
  getsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'buffer'], return: 'i32' },
  setsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'u32'], return: 'i32' },
  sendto: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'], return: 'i64' },
  recvfrom: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'buffer'], return: 'i64' },
  syscall: { arguments: ['i64', 'i64', 'i64'], return: 'i64' },
  pipe2: { arguments: ['buffer', 'i32'], return: 'i32' },
  waitid: { arguments: ['i32', 'u32', 'buffer', 'i32'], return: 'i32' },
  waitpid: { arguments: ['i32', 'buffer', 'i32'], return: 'i32' },
  poll: { arguments: ['buffer', 'u64', 'i32'], return: 'i32' },
  setns: { arguments: ['i32', 'i32'], return: 'i32' },
  flock: { arguments: ['i32', 'i32'], return: 'i32' },
  ioctl: { arguments: ['i32', 'u64', 'buffer'], return: 'i32' },
} as const;

/** Loaded at run time and not by an import, so that a command without such a call doesn't pay for it (2 ms). */
function ffi(): typeof import('node:ffi') {
  return process.getBuiltinModule('node:ffi');
}

function open() {
  const { dlopen, getInt32 } = ffi();
  const { functions } = dlopen('libc.so.6', signatures);
  const errnoLocation = functions.__errno_location();
  return { functions, lastErrno: () => getInt32(errnoLocation) };
}

type Loaded = ReturnType<typeof open>;
export type Libc = Loaded['functions'];

let loaded: Loaded | undefined;

function load(): Loaded {
  loaded ??= open();
  return loaded;
}

/** The address of a buffer's first byte, for structures that point at others. The caller keeps `buffer` alive. */
export function addressOf(buffer: Buffer): bigint {
  return ffi().getRawPointer(buffer);
}

/**
 * One libc call, once: its result as a number, or `-errno` where it returned -1. Nothing may run between the call and
 * reading errno; the address of errno is the thread's own and stays.
 */
export function tryLibcOnce(call: (libc: Libc) => number | bigint): number {
  const { functions, lastErrno } = load();
  const result = Number(call(functions));
  return result === -1 ? -lastErrno() : result;
}

/** As tryLibcOnce, again and again while a signal interrupts it (EINTR). */
export function tryLibc(call: (libc: Libc) => number | bigint): number {
  for (;;) {
    const result = tryLibcOnce(call);
    if (result !== -errno.EINTR) return result;
  }
}

/** As tryLibc; throws LibcError where the call failed. */
export function callLibc(call: (libc: Libc) => number | bigint): number {
  const result = tryLibc(call);
  if (result < 0) throw new LibcError(-result);
  return result;
}
