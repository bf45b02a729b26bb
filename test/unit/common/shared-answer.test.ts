import { SharedAnswer } from '@weir/common/shared-answer';

/** Work that ends when it is told to, and answers how often it was begun. */
function work() {
  const ends: ((failure?: Error) => void)[] = [];
  const shared = new SharedAnswer(
    () =>
      new Promise<number>((resolve, reject) => {
        const n = ends.length + 1;
        ends.push((failure) => (failure ? reject(failure) : resolve(n)));
      }),
  );
  return { shared, ends };
}

test('who asks while work is under way shares what begins after it', async () => {
  const { shared, ends } = work();
  const first = shared.ask();
  const [second, third] = [shared.ask(), shared.ask()];
  expect(ends).toHaveLength(1);
  ends[0]!();
  expect(await first).toBe(1);
  await Promise.resolve();
  const fourth = shared.ask();
  expect(ends).toHaveLength(2);
  ends[1]!();
  expect(await Promise.all([second, third])).toEqual([2, 2]);
  ends[2]!();
  expect(await fourth).toBe(3);
  expect(ends).toHaveLength(3);
});

test('who asks when nothing is under way has it begun', async () => {
  const { shared, ends } = work();
  for (const n of [1, 2, 3]) {
    const asked = shared.ask();
    ends[n - 1]!();
    expect(await asked).toBe(n);
  }
});

test('work that fails fails for those who shared it, and no others', async () => {
  const { shared, ends } = work();
  const first = shared.ask();
  const second = shared.ask();
  ends[0]!(new Error('no'));
  await expect(first).rejects.toThrow('no');
  ends[1]!();
  expect(await second).toBe(2);
});
