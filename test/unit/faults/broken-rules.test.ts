import { BROKEN_RULES } from '../../faults/runner/broken-rules.ts';
import { FAULTS } from '../../faults/runner/faults/catalogue.ts';
import { readScripts, withoutRule } from '../../faults/runner/proxies/scripts.ts';

test('every rule that is broken on purpose is still there to be broken, and missed under a fault that exists', () => {
  const scripts = readScripts();
  for (const rule of BROKEN_RULES) {
    expect(() => rule.rewriter(scripts)).not.toThrow();
    expect(FAULTS.map(({ name }) => name)).toContain(rule.fault);
  }
});

test('a line that is not found, or found twice, is no rule', () => {
  const script = { name: 'x', source: 'a\nb\nc\nb\nd\n', sha1: '' };
  expect(() => withoutRule(script, 'e', '')).toThrow('x.lua has no single line "e"');
  expect(() => withoutRule(script, 'b', '')).toThrow('x.lua');
  expect(withoutRule(script, 'c', 'C').source).toBe('a\nb\nC\nb\nd\n');
});
