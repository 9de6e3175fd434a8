import process from 'node:process';

/** `npm run crash` tries every system call; `npm test` some that change something. */
export const isFull = process.env['CRASH_CALLS'] === 'all';
