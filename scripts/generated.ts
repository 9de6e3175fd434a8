/** Replaces the part of `text` between the marker comments of `name`; `command` writes it. */
export function replaceGenerated(text: string, name: string, command: string, content: string): string {
  const begin = `<!-- begin ${name}: written by \`${command}\` -->`;
  const end = `<!-- end ${name} -->`;
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`the marker comments of ${name} are missing`);
  return `${before}${begin}\n\n${content}\n${end}${after}`;
}
