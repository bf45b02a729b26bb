import { Random } from '@weir/common/random';
import { FAULTS as ALL } from '../../faults/runner/faults/catalogue.ts';
import { inSafeOrder, mayCoincide, schedule } from '../../faults/runner/schedule.ts';

/** Whatever this machine and this version have. */
const FAULTS = ALL.filter(({ name }) => !/^(journal-disk-full|relay-kill-(without-redis|and-flushall))$/.test(name));

const names = (seed: number) =>
  schedule(FAULTS, new Random(seed), false).map((round) => round.map((step) => step.map(({ name }) => name)));

test('the same seed makes the same schedule, and another seed another', () => {
  expect(names(7)).toEqual(names(7));
  expect(names(7)).not.toEqual(names(8));
});

test('every fault comes exactly once, those with settings of their own in rounds of their own', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const rounds = schedule(FAULTS, new Random(seed), false);
    expect(
      rounds
        .flat(2)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(FAULTS.map(({ name }) => name).sort());
    for (const round of rounds) {
      if (round.flat().some(({ settings }) => settings)) expect(round.flat()).toHaveLength(1);
    }
  }
});

test('Redis never forgets what only a relay that has ended could bring back', () => {
  for (let seed = 1; seed <= 200; seed++) {
    for (const round of schedule(FAULTS, new Random(seed), false)) {
      let relayEnded = false;
      for (const step of round) {
        if (step.some(({ redisLoses }) => redisLoses === 'all')) expect(relayEnded).toBe(false);
        if (step.length > 1 && step.some(({ redisLoses }) => redisLoses)) {
          expect(step.some(({ relayEnds }) => relayEnds)).toBe(false);
        }
        relayEnded ||= step.some(({ relayEnds }) => relayEnds);
      }
    }
  }
});

test('with a journal on disk it may be lost with a relay, too', () => {
  const bold = Array.from({ length: 200 }, (_, seed) => schedule(FAULTS, new Random(seed), true)).flat(2);
  expect(
    bold.some((step) => step.some(({ redisLoses }) => redisLoses) && step.some(({ relayEnds }) => relayEnds)),
  ).toBe(true);
});

test('two at once are drawn, and only where both can be told apart', () => {
  const pairs = Array.from({ length: 50 }, (_, seed) => schedule(FAULTS, new Random(seed), false))
    .flat(2)
    .filter((step) => step.length > 1);
  expect(pairs.length).toBeGreaterThan(50);
  for (const [a, b] of pairs) expect(mayCoincide(a!, b!, false)).toBe(true);
});

test('a fault that waits for a seal does not come with one that keeps relays away from Redis', () => {
  const fault = (name: string) => FAULTS.find((candidate) => candidate.name === name)!;
  for (const point of [
    'aggregator-kill-between-seals',
    'aggregator-kill-after-final',
    'aggregator-kill-between-drops',
  ]) {
    expect(mayCoincide(fault(point), fault('requests-lost'), true)).toBe(false);
    expect(mayCoincide(fault('replies-stalled'), fault(point), true)).toBe(false);
    expect(mayCoincide(fault(point), fault('relay-kill'), true)).toBe(false);
    expect(mayCoincide(fault(point), fault('network-cuts'), true)).toBe(true);
  }
});

test('what is asked for by name keeps its order, except that a total loss comes first', () => {
  const fault = (name: string) => FAULTS.find((candidate) => candidate.name === name)!;
  const steps = ['relay-kill', 'redis-flushall', 'aggregator-kill'].map((name) => [fault(name)]);
  expect(inSafeOrder(steps).map(([first]) => first!.name)).toEqual(['redis-flushall', 'relay-kill', 'aggregator-kill']);
});

test('names are unique', () => {
  expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
});
