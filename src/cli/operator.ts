// Entry of the part `operator`: the work of the command line's commands.

export { attachments } from './attachments.ts';
export { doctor } from './doctor/doctor.ts';
export { explain } from './explain/explain.ts';
export { gc } from './gc.ts';
export { inspect } from './inspect.ts';
export { runInstall } from './install.ts';
export { preflight } from './preflight.ts';
export { probe } from './probe/probe.ts';
export { resolve } from './resolve/resolve.ts';
export { metrics } from './stats/metrics.ts';
export { stats } from './stats/stats.ts';
export { onNode } from './sysdump/from-archive.ts';
export { sysdump } from './sysdump/sysdump.ts';
export { validate } from './validate/validate.ts';
