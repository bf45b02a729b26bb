import { pressed, type Wishes } from '@weir/cli/top/keys';

const AT_START: Wishes = { quit: false, paused: false, help: false, sort: 'lag', intervalMs: 2_000, skipped: 0 };

test.each<[string, Partial<Wishes>]>([
  ['q', { quit: true }],
  ['\u0003', { quit: true }],
  ['p', { paused: true }],
  ['p ', {}],
  ['s', { sort: 'partition' }],
  ['sss', {}],
  ['+', { intervalMs: 5_000 }],
  ['--', { intervalMs: 500 }],
  ['----', { intervalMs: 500 }],
  ['\u001b[B\u001bOBj', { skipped: 3 }],
  ['\u001b[6~', { skipped: 7 }],
  ['\u001b[6~\u001b[A', { skipped: 6 }],
  ['k', {}],
  ['jg', {}],
  ['?', { help: true }],
  ['?p', {}],
  ['?q', { quit: true }],
  ['x\u001b[15~\u001b[1;5C\u001b', {}],
])('%j', (bytes, changed) => {
  expect(pressed(bytes, AT_START, 8)).toEqual({ ...AT_START, ...changed });
});

test('an interval that is none of the steps goes to the next of them', () => {
  expect(pressed('+', { ...AT_START, intervalMs: 1_500 }, 8).intervalMs).toBe(2_000);
  expect(pressed('-', { ...AT_START, intervalMs: 300 }, 8).intervalMs).toBe(300);
});
