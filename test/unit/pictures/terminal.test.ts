import { drawTerminal } from '../../../scripts/pictures/terminal.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('pictures/terminal');

const texts = (svg: string): string[] =>
  [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text]) => text ?? '');

test('every piece has its place, colour and length', () => {
  const svg = drawTerminal('  \u001b[32mok\u001b[0m it works\n\u001b[1mtitle\u001b[0m', 'a command');
  assert.equal(texts(svg), ['a command', 'ok', 'it works', 'title']);
  assert.match(svg, /<text x="32.8" y="47" fill="#9ccc65" textLength="16.8" [^>]*>ok</);
  assert.match(svg, /<text x="58.0" y="47" fill="#d7dce3" textLength="67.2" [^>]*>it works</);
  assert.match(svg, /<text x="16.0" y="66" fill="#d7dce3" font-weight="bold" [^>]*>title</);
});

test('what means something in XML is only text', () => {
  assert.equal(texts(drawTerminal('sriov < a.json & echo', '<x>')), ['&lt;x&gt;', 'sriov &lt; a.json &amp; echo']);
});

test('a colour that it has no picture of is refused', () => {
  throws(() => drawTerminal('\u001b[35mviolet', 'x'), 'Error', '35');
});
