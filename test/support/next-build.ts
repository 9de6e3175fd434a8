// Preloaded (node --import), it makes a later version of the plugin from source. With `NEXT_BUILD=version` the plugin
// writes records of a higher version, with `NEXT_BUILD=field` records with fields that today's build doesn't know.
import { registerHooks } from 'node:module';
import process from 'node:process';

const changes = {
  version: ['/src/state/attachment-record.ts', 'recordVersion = 1;', 'recordVersion = 2;'],
  field: [
    '/src/state/attachment-record.ts',
    'JSON.stringify(record)',
    "JSON.stringify({ ...record, added: 'later', snapshot: { ...record.snapshot, added: ['later'] } })",
  ],
} as const;

const [file, today, later] = changes[process.env['NEXT_BUILD'] as keyof typeof changes];

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(file)) return loaded;
    const source = String(loaded.source);
    if (!source.includes(today)) throw new Error(`${file} has no ${today}`);
    return { ...loaded, source: source.replace(today, later) };
  },
});
