import { backoffMs } from '@weir/relay/backoff';

test('pauses double up to a second and are spread over the upper half', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 100].map((failures) => backoffMs(failures, () => 1));
  expect(longest).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000]);
  expect(backoffMs(1, () => 0)).toBe(25);
});
