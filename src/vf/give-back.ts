// What only a DEL needs, and an ADD that fails: on QuickJS a part of its own.
export { bringHome } from './bring-home.ts';
export { restoreVf } from './restore.ts';
