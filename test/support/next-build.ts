// Preloaded (node --import): makes the plugin from source one of a later version. `NEXT_BUILD=version` raises the
// version of the records that it writes, `NEXT_BUILD=field` lets it write fields that today's build doesn't know.
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
