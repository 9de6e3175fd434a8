// Holds a lab for the command line until it is told to end it. Started by client.ts.
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';
import { bootLab, type EmulatedLab } from '../emulated-lab.ts';
import { onProcessEnd } from '../process-end.ts';
import { type HolderNotice, type LabReply, type LabRequest, labSocket } from './protocol.ts';

const commandTimeoutMs = 24 * 3_600_000;

function notify(notice: HolderNotice): void {
  process.send?.(notice);
}

async function perform(lab: EmulatedLab, request: LabRequest): Promise<LabReply> {
  switch (request.kind) {
    case 'run': {
      const stdin = Buffer.from(request.stdinBase64 ?? '', 'base64');
      const ran = await lab.run(request.argv, { stdin, timeoutMs: commandTimeoutMs });
      return { kind: 'ran', status: ran.status, stdoutBase64: ran.stdoutBytes.toString('base64'), stderr: ran.stderr };
    }
    case 'terminal':
      return { kind: 'terminal', socket: await lab.openTerminal(request.size, request.endMark) };
    case 'down':
      await lab.shutdown();
      return { kind: 'done' };
  }
}

/** Reads until the other end has said all; the socket stays open for the answer. */
function readRequest(socket: Socket): Promise<LabRequest> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    socket.on('close', () => reject(new Error('the client went away')));
    socket.on('end', () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString()));
      } catch (error) {
        reject(error);
      }
    });
  });
}

async function serve(lab: EmulatedLab, server: Server, socket: Socket): Promise<void> {
  const request = await readRequest(socket);
  const reply = await perform(lab, request).catch((error): LabReply => ({ kind: 'failed', message: String(error) }));
  if (request.kind === 'down') {
    server.close();
    rmSync(labSocket, { force: true });
  }
  socket.end(JSON.stringify(reply));
}

async function listen(lab: EmulatedLab): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // A client that goes away early does not matter.
    socket.on('error', () => undefined);
    serve(lab, server, socket).catch(() => socket.destroy());
  });
  rmSync(labSocket, { force: true });
  onProcessEnd(() => rmSync(labSocket, { force: true }));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(labSocket, resolve);
  });
}

const abandoned = (): void => {
  process.exit(1);
};
// Whoever waits for the lab may be interrupted before it is ready.
process.on('disconnect', abandoned);
try {
  const args = process.argv.slice(2);
  const progress = (line: string): void => notify({ kind: 'progress', line });
  const lab = await bootLab({ iommu: args.includes('--iommu'), fresh: args.includes('--fresh'), progress });
  await listen(lab);
  process.off('disconnect', abandoned);
  notify({ kind: 'ready' });
} catch (error) {
  notify({ kind: 'failed', message: String(error) });
  process.exitCode = 1;
}
process.disconnect?.();
