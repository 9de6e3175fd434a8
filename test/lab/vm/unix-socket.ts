import { connect, type Socket } from 'node:net';
import { LabError } from '../lab-error.ts';

const retryMs = 10;

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', () => resolve(undefined));
  });
}

/**
 * Connects to a socket that is about to exist; gives up when `gaveUp` says so. The socket does not keep this process
 * alive: whoever waits for an answer holds a timer.
 */
export async function connectUnix(path: string, gaveUp: () => string | undefined): Promise<Socket> {
  for (;;) {
    const socket = await tryConnect(path);
    if (socket !== undefined) return socket.unref();
    const reason = gaveUp();
    if (reason !== undefined) throw new LabError('boot', reason);
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}
