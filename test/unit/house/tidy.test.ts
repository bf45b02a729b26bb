import { projectFiles } from './project-files.ts';
import { tidyFaults } from './tidy-rules.ts';

/** Written by programs, and read by them. */
const GENERATED = /^(pnpm-lock\.yaml|docs\/cli-schemas\/.*\.json|bench\/results\/.*\.json)$/;

test('every file keeps the rules', () => {
  const files = projectFiles(/\.(ts|[cm]?js|lua|sh|md|json|ya?ml|lp)$|^run$/);
  expect(files.size).toBeGreaterThan(50);
  expect([...files].flatMap(([path, text]) => (GENERATED.test(path) ? [] : tidyFaults(path, text)))).toEqual([]);
});

test('the lock file names no registry either', () => {
  const [text] = [...projectFiles(/^pnpm-lock\.yaml$/).values()];
  expect(tidyFaults('pnpm-lock.yaml', text!).filter((fault) => fault.includes('registry'))).toEqual([]);
});

const LEFTOVER = ['TO', 'DO'].join('');
const LONG_COMMENT = `// ${'x'.repeat(128)}`;

describe('the rules catch', () => {
  test.each<[string, string, string]>([
    ['a vague name', 'packages/relay/src/string-utils.ts', 'export const a = 1;\n'],
    ['another vague name', 'test/helpers.ts', 'export const a = 1;\n'],
    ['an empty catch', 'a.ts', 'try {\n  f();\n} catch {\n  // never mind\n}\n'],
    ['a leftover', 'a.lua', `-- ${LEFTOVER}: later\n`],
    ['a skipped test', 'a.test.ts', `test${'.'}skip('x', f);\n`],
    ['a test that runs alone', 'a.test.ts', `describe${'.'}only('x', f);\n`],
    ['a tab', 'a.lua', '\treturn 1\n'],
    ['a NUL', 'a.ts', 'const a = "\u0000";\n'],
    ['a zero-width space', 'a.md', 'a\u200bb\n'],
    ['a byte order mark', 'a.ts', '\ufeffconst a = 1;\n'],
    ['a carriage return', 'a.md', 'a\r\n'],
    ['trailing white space', 'a.md', 'a \n'],
    ['no newline at the end', 'a.md', 'a'],
    ['two newlines at the end', 'a.md', 'a\n\n'],
    ['a long line', 'a.ts', `${LONG_COMMENT}\n`],
    ['the host of a registry', 'a.md', `from ${['npmjs', 'org'].join('.')}\n`],
    ['the host of another registry', 'a.json', `"https://${['registry', 'example', 'com'].join('.')}/a"\n`],
    ['a path of one machine', 'a.ts', `const dir = '${['', 'home', 'me', 'x'].join('/')}';\n`],
    ['401 lines', 'a.ts', 'f();\n'.repeat(401)],
  ])('%s', (_, path, text) => {
    expect(tidyFaults(path, text)).toHaveLength(1);
  });

  test('none of these in a file that keeps them', () => {
    expect(tidyFaults('a.ts', `// why\nconst a = '${'x'.repeat(130)}';\n${LONG_COMMENT.slice(0, 130)}\n`)).toEqual([]);
    expect(
      tidyFaults('a.ts', `/** A table; over 400 lines because the standard's is. */\n${'f();\n'.repeat(401)}`),
    ).toEqual([]);
    expect(tidyFaults('README.md', `${'words '.repeat(40)}and so on\n`)).toEqual([]);
  });
});
