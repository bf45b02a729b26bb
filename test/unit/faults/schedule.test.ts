import { FAULTS } from '../../faults/runner/faults/catalogue.ts';
import { inSafeOrder, mayCoincide, schedule } from '../../faults/runner/schedule.ts';
import { Random } from '../../simulation/random.ts';

const names = (seed: number) =>
  schedule(FAULTS, new Random(seed)).map((round) => round.map((step) => step.map(({ name }) => name)));

test('the same seed makes the same schedule, and another seed another', () => {
  expect(names(7)).toEqual(names(7));
  expect(names(7)).not.toEqual(names(8));
});

test('every fault comes exactly once, those with settings of their own in rounds of their own', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const rounds = schedule(FAULTS, new Random(seed));
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
    for (const round of schedule(FAULTS, new Random(seed))) {
      let relayEnded = false;
      for (const step of round) {
        if (step.some(({ redisLoses }) => redisLoses === 'all')) expect(relayEnded).toBe(false);
        if (step.some(({ redisLoses }) => redisLoses)) expect(step.some(({ relayEnds }) => relayEnds)).toBe(false);
        relayEnded ||= step.some(({ relayEnds }) => relayEnds);
      }
    }
  }
});

test('two at once are drawn, and only where both can be told apart', () => {
  const pairs = Array.from({ length: 50 }, (_, seed) => schedule(FAULTS, new Random(seed)))
    .flat(2)
    .filter((step) => step.length > 1);
  expect(pairs.length).toBeGreaterThan(50);
  for (const [a, b] of pairs) expect(mayCoincide(a!, b!)).toBe(true);
});

test('what is asked for by name keeps its order, except that a total loss comes first', () => {
  const fault = (name: string) => FAULTS.find((candidate) => candidate.name === name)!;
  const steps = ['relay-kill', 'redis-flushall', 'aggregator-kill'].map((name) => [fault(name)]);
  expect(inSafeOrder(steps).map(([first]) => first!.name)).toEqual(['redis-flushall', 'relay-kill', 'aggregator-kill']);
});

test('names are unique', () => {
  expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
});
