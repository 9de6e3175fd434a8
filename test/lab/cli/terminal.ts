import { connect } from 'node:net';
import process from 'node:process';

/** The guest writes this when its shell has ended; terminals show nothing for it. */
export const endMark = '\u001b]lab-ended\u0007';
const endOfInput = '\u0004';

/** Splits what can be shown now from what may be the begin of the end mark. */
function splitAtMark(text: string): readonly [shown: string, held: string] {
  const at = text.lastIndexOf('\u001b');
  return at !== -1 && endMark.startsWith(text.slice(at)) ? [text.slice(0, at), text.slice(at)] : [text, ''];
}

/** Joins this terminal and the guest's until the guest's shell ends. The shell may start once `joined` is called. */
export function joinTerminal(path: string, joined: () => void): Promise<void> {
  const { stdin, stdout } = process;
  const socket = connect(path, joined).setEncoding('utf8');
  const type = (chunk: Buffer): void => {
    socket.write(chunk);
  };
  const endInput = (): void => {
    socket.write(endOfInput);
  };
  // The shell throws away what is typed before it shows its prompt.
  socket.once('data', () => {
    if (stdin.isTTY) stdin.setRawMode(true);
    stdin.on('data', type).on('end', endInput);
  });
  return new Promise<void>((resolve, reject) => {
    let held = '';
    socket.on('data', (chunk: string) => {
      const [before = '', after] = (held + chunk).split(endMark);
      const [shown, rest] = splitAtMark(before);
      held = rest;
      stdout.write(shown);
      if (after !== undefined) resolve();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  }).finally(() => {
    socket.destroy();
    stdin.off('data', type).off('end', endInput);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  });
}
