import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Makes an ES module of one of node-netlink's codec files, which is CommonJS as tsc writes it, so that a bundler can
 * leave out the nine tenths that nobody uses. Throws if something is left that it doesn't know.
 */
export function asEsModule(source: string, path: string): string {
  const text = source
    .replace(/^"use strict";\n/, '')
    .replace(/^var __\w+ = \(this && this\.__\w+\)[\s\S]*?^(?:\}\)\);|\}\);|\};)\n/gm, '')
    .replace(/^Object\.defineProperty\(exports, "__esModule".*\n/m, '')
    .replace(/^exports\.\w+ = .*void 0;\n/gm, '')
    .replace(/^const (\w+) = __importStar\(require\("(.*)"\)\);$/gm, 'import * as $1 from "$2.js";')
    .replace(/^const (\w+) = require\("os"\);$/gm, 'import * as $1 from "os";')
    .replace(/^exports\.(\w+) = \1;$/gm, 'export { $1 };')
    .replace(
      /^var (\w+);\n\(function \(\1\) \{\n([\s\S]*?)^\}\)\(\1 \|\| \(exports\.\1 = \1 = \{\}\)\);$/gm,
      'export const $1 = /* @__PURE__ */ (function ($1) {\n$2return $1;\n})({});',
    )
    .replace(
      /^var (\w+);\n\(function \(\1\) \{\n([\s\S]*?)^\}\)\(\1 = exports\.\1 \|\| \(exports\.\1 = \{\}\)\);$/gm,
      'export const $1 = /* @__PURE__ */ (function ($1) {\n$2return $1;\n})({});',
    )
    .replace(/^exports\.(\w+) = /gm, 'export const $1 = ')
    .replace(/\bexports\.(\w+)/g, '$1');
  const leftOver = /^.*\b(?:exports|require|__importStar|__exportStar|__createBinding)\b.*$/m.exec(text);
  if (leftOver !== null) throw new Error(`${path}: can't be made an ES module: ${leftOver[0].trim()}`);
  return text;
}

/** Gives esbuild node-netlink's codecs as ES modules. */
export const netlinkAsEsModules: Plugin = {
  name: 'netlink-as-es-modules',
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/netlink\/dist\/.*\.js$/ }, async ({ path }) => ({
      contents: asEsModule(await readFile(path, 'utf8'), path),
    }));
  },
};
