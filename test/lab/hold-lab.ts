// Boots a lab and holds it until this process is ended from outside, for tests of what that leaves behind.
import process from 'node:process';
import { bootLab } from './emulated-lab.ts';

await bootLab();
process.stdout.write('ready\n');
setInterval(() => undefined, 60_000);
