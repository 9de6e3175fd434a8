import { type CommandResult, commandResult } from '../command.ts';

const headerLines = 3;

/** Puts one answer of the guest's agent together from the pieces in which it arrives; see guest/agent.sh. */
export class AnswerReader {
  readonly #marker: Buffer;
  #chunks: Buffer[] = [];
  #length = 0;
  #neededLength = 0;

  constructor(id: number) {
    this.#marker = Buffer.from(`answer ${id} `);
  }

  /** Returns the answer once all of it is there. */
  push(chunk: Buffer): CommandResult | undefined {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#neededLength) return undefined;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return this.#parse(all);
  }

  #parse(all: Buffer): CommandResult | undefined {
    const begin = all.indexOf(this.#marker);
    if (begin === -1) return undefined;
    const lines: string[] = [];
    let at = begin;
    while (lines.length < headerLines) {
      const end = all.indexOf('\n', at);
      if (end === -1) return undefined;
      lines.push(all.toString('latin1', at, end));
      at = end + 1;
    }
    const status = Number(lines[0]?.split(' ')[2]);
    const [outLength, errLength] = [Number(lines[1]), Number(lines[2])];
    this.#neededLength = at + outLength + errLength;
    if (all.length < this.#neededLength) return undefined;
    return commandResult(status, all.subarray(at, at + outLength), all.subarray(at + outLength, this.#neededLength));
  }
}
