import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDir } from '@weir/relay/data-dir';
import { cleanup } from '../../support/cleanup.ts';
import { tempDir } from '../../support/temp-dir.ts';

test('has one live holder, and is free once that gives it up', async () => {
  const path = await tempDir('data');
  const first = new DataDir(path);
  expect(() => new DataDir(path)).toThrow(`process ${process.pid} has it`);
  first.release();
  new DataDir(path).release();
});

test('is free when its holder is dead, or another process has its number since', async () => {
  const path = await tempDir('data');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  cleanup('child', () => void child.kill('SIGKILL'));
  const mine = new DataDir(path);
  const [, start] = (await readFile(join(path, 'lock'), 'utf8')).split(' ');
  mine.release();
  await writeFile(join(path, 'lock'), `${child.pid} ${start}`);
  new DataDir(path).release();
  child.kill('SIGKILL');
  await once(child, 'exit');
  for (const left of [`${child.pid} ${start}`, '', 'nonsense']) {
    await writeFile(join(path, 'lock'), left);
    new DataDir(path).release();
  }
});

test('remembers what was agreed, and refuses another deployment with both values', async () => {
  const path = await tempDir('data');
  const dir = new DataDir(path);
  expect(dir.agreed({ prefix: 'weir', partitions: 8 })).toBeUndefined();
  dir.recordAgreed({ prefix: 'weir', partitions: 8 });
  expect(dir.agreed({ prefix: 'weir', partitions: 8 })).toEqual({ prefix: 'weir', partitions: 8 });
  expect(() => dir.agreed({ prefix: 'weir', partitions: 4 })).toThrow('--partitions: got 4, expected 8');
  expect(() => dir.agreed({ prefix: 'other', partitions: 8 })).toThrow('--prefix: got other, expected weir');
  await writeFile(join(path, 'agreed.json'), '{"prefix":');
  expect(() => dir.agreed({ prefix: 'weir', partitions: 8 })).toThrow('its agreed.json cannot be read');
  dir.release();
});
