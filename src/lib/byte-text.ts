// Names that the kernel keeps are bytes: of interfaces, altnames, files. Most are UTF-8, none has to be. A byte that
// isn't part of UTF-8 becomes one of U+DC80 to U+DCFF, which no text has, and goes back as the byte that it was (as
// Python's surrogateescape, PEP 383).

/** The name that these bytes are; different ones give different names. */
export function textFromBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? escapeBytes(bytes) : text;
}

/** The bytes of a name, those that textFromBytes read it from. */
export function bytesFromText(text: string): Buffer {
  return text.isWellFormed() ? Buffer.from(text) : Buffer.concat([...text].map(bytesOf));
}

function bytesOf(character: string): Buffer {
  const code = character.codePointAt(0) ?? 0;
  return code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code & 0xff]) : Buffer.from(character);
}

function escapeBytes(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const sequence = bytes.subarray(at, at + sequenceLength(bytes[at] ?? 0));
    const character = sequence.toString('utf8');
    const isWhole = Buffer.from(character).equals(sequence);
    text += isWhole ? character : String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
    at += isWhole ? sequence.length : 1;
  }
  return text;
}

/** How long a sequence is that begins with this byte; 1 also for one that none begins with. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}
