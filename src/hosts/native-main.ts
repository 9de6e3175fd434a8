// Entry of the part `plugin` on QuickJS.
import '../platform/native/global-buffer.ts';

export { runCommand } from '../commands/plugin.ts';
export { start } from './start.ts';
