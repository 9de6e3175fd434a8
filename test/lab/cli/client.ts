import { fork } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { LabError } from '../lab-error.ts';
import type { Progress } from '../progress.ts';
import { type HolderNotice, type LabReply, type LabRequest, labSocket } from './protocol.ts';

function tryConnect(): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path: labSocket, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

/** Whether a lab runs that an earlier command started. */
export async function isLabUp(): Promise<boolean> {
  const socket = await tryConnect();
  socket?.destroy();
  return socket !== undefined;
}

/** Asks the process that holds the lab. Throws when there is none, or it failed to do what was asked. */
export async function askLab(request: LabRequest): Promise<LabReply> {
  const socket = await tryConnect();
  if (socket === undefined) throw new LabError('guest', 'no lab runs');
  socket.end(JSON.stringify(request));
  const reply = JSON.parse(await text(socket)) as LabReply;
  if (reply.kind === 'failed') throw new LabError('guest', reply.message);
  return reply;
}

/** Starts a process that holds a lab, and waits until the lab is there. It outlives this process. */
export function startHolder(args: readonly string[], progress: Progress): Promise<void> {
  const holder = fork(join(import.meta.dirname, 'holder.ts'), args, { detached: true, stdio: 'ignore' });
  return new Promise((resolve, reject) => {
    holder.on('message', (notice: HolderNotice) => {
      if (notice.kind === 'progress') progress(notice.line);
      if (notice.kind === 'failed') reject(new LabError('boot', notice.message));
      if (notice.kind === 'ready') resolve();
    });
    holder.on('exit', (code, signal) => reject(new LabError('boot', `the lab ended with ${signal ?? code}`)));
    holder.unref();
  });
}
