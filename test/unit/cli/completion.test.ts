import { spawnSync } from 'node:child_process';
import { COMMANDS } from '@weir/cli/command-list';
import { completion } from '@weir/cli/completion';

const script = completion('bash', COMMANDS);

/** What bash offers for the last of the words. */
function offered(...words: string[]): string[] {
  const typed = ['weir', ...words];
  const ask = `COMP_WORDS=(${typed.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length - 1}; _weir; echo "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', `${script}\n${ask}`], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trim().split(/\s+/).filter(Boolean);
}

test('commands, groups, and what is in a group', () => {
  expect(offered('la')).toEqual(['lag']);
  expect(offered('')).toEqual(expect.arrayContaining(['status', 'config', '--help']));
  expect(offered('')).not.toContain('show');
  expect(offered('config', 's')).toEqual(['show']);
});

test('the flags of the command, and the values of a flag that has some', () => {
  expect(offered('pending', '--min')).toEqual(['--min-deliveries']);
  expect(offered('config', 'show', '--or')).toEqual(['--origin']);
  expect(offered('lag', '-o', 'y')).toEqual(['yaml']);
  expect(offered('lag', '--output', '')).toEqual(['table', 'wide', 'json', 'yaml']);
  expect(offered('lag', '--output', 'j')).toEqual(['json']);
  expect(offered('lag', '--redis', '')).toEqual([]);
  expect(offered('lag', '--json', '--wa')).toEqual(['--watch']);
});

test('every command and flag is offered, in every shell', () => {
  const fish = completion('fish', COMMANDS);
  for (const { name, flags } of COMMANDS) {
    expect(script).toContain(`'${name}') words='`);
    expect(fish).toContain(` -a ${name.split(' ').at(-1)} -d `);
    for (const { flag } of flags) expect(fish).toContain(`-l ${/--([a-z-]+)/.exec(flag)![1]}`);
  }
  expect(completion('zsh', COMMANDS)).toMatch(/^#compdef weir\n.*bashcompinit/);
});
