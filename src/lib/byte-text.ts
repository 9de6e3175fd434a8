// The kernel's names of interfaces, altnames and files are bytes. Most are UTF-8, but none has to be. A byte that isn't
// part of UTF-8 becomes one of U+DC80 to U+DCFF, which no text has, and is written as that byte again (as Python's
// surrogateescape, PEP 383).

/** The name for these bytes. Different bytes give different names. */
export function textFromBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? escapeBytes(bytes) : text;
}

/** The bytes from which textFromBytes has made a name. */
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

/** Length of a UTF-8 sequence that begins with this byte; 1 also for a byte that begins none. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}
