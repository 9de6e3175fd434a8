/** For commander, whose output has no colours here. */
export function stripVTControlCharacters(text: string): string {
  return text;
}
