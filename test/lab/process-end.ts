import process from 'node:process';

type Clean = () => void;

const pending = new Set<Clean>();
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function cleanAll(): void {
  for (const clean of pending) {
    pending.delete(clean);
    try {
      clean();
    } catch (error) {
      process.stderr.write(`lab: could not clean up: ${String(error)}\n`);
    }
  }
}

let installed = false;

function install(): void {
  installed = true;
  process.on('exit', cleanAll);
  for (const signal of signals) {
    process.once(signal, () => {
      cleanAll();
      // The listener has been removed, so the signal ends the process as it would have without us.
      process.kill(process.pid, signal);
    });
  }
}

/** Runs `clean` (synchronous) when this process exits, crashes or gets a signal. The returned function cancels that. */
export function onProcessEnd(clean: Clean): () => void {
  if (!installed) install();
  pending.add(clean);
  return () => {
    pending.delete(clean);
  };
}
