// Entry of the part `operator`: what the commands of the command line do.

export { attachments } from './attachments.ts';
export { doctor } from './doctor.ts';
export { gc } from './gc.ts';
export { inspect } from './inspect.ts';
export { resolve } from './resolve.ts';
export { runInstall } from './run-install.ts';
export { validate } from './validate.ts';
