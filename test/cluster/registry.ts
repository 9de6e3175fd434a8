// A read-only registry for the node: node registry.ts ADDRESS PORT DEFAULT [NAME=LAYOUT]... . The images are OCI image
// layouts; a repository whose last element is NAME gets LAYOUT, any other DEFAULT, whatever the tag. So a manifest may
// name any image.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}

const [address = '', port = '', fallback = '', ...rest] = process.argv.slice(2);
const layouts = new Map(rest.map((word) => word.split('=') as [string, string]));

function readManifest(layout: string): Descriptor {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
  const [manifest] = index.manifests;
  if (manifest === undefined) throw new Error(`${layout} holds no manifest`);
  return manifest;
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://registry');
  const match = /^\/v2\/(?<name>.+)\/(?<kind>manifests|blobs)\/(?<reference>[^/]+)$/.exec(pathname);
  if (match?.groups === undefined) {
    response.writeHead(pathname === '/v2/' ? 200 : 404).end();
    return;
  }
  const { name = '', kind, reference = '' } = match.groups;
  const layout = layouts.get(name.slice(name.lastIndexOf('/') + 1)) ?? fallback;
  const manifest = readManifest(layout);
  const isDigest = /^sha256:[0-9a-f]{64}$/.test(reference);
  const digest = isDigest ? reference : manifest.digest;
  const bytes = readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
  response.writeHead(200, {
    'content-type': kind === 'manifests' ? manifest.mediaType : 'application/octet-stream',
    'content-length': bytes.length,
    'docker-content-digest': digest,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

createServer((request, response) => {
  try {
    answer(request, response);
  } catch (thrown) {
    response.writeHead(404).end(String(thrown));
  }
}).listen(Number(port), address);
