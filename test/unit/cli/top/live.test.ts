import type { TakenOverEvents } from '@weir/cli/command-context';
import { runLive } from '@weir/cli/top/live';
import type { TopReport } from '@weir/cli/top/top-report';
import { judge } from '@weir/cli/verdict';
import { WeirError } from '@weir/common/errors';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FACTS } from '../../../support/status-facts.ts';

const TOTALS = {
  lagEntries: 0,
  lagEvents: 0,
  undeliveredEvents: 0,
  lagSeconds: 0,
  pendingEntries: 0,
  pendingEvents: 0,
  oldestPendingIdleMs: null,
  rateInPerSec: null,
  rateOutPerSec: null,
  trend: null,
  drainSeconds: null,
};
const REPORT: TopReport = {
  schema: 'weir.top/1',
  status: judge(FACTS, { lateAfterMs: 10_000, time: () => 'then' }),
  lag: { schema: 'weir.lag/1', prefix: 'weir', redisTimeMs: 0, intervalMs: null, partitions: [], totals: TOTALS },
};
const AWAY = new WeirError('redis-unreachable', 'connect ECONNREFUSED', true);

function started() {
  const clock = new FakeClock();
  const stop = new AbortController();
  const looks: { done: (report: TopReport) => void; failed: (error: Error) => void }[] = [];
  let events: TakenOverEvents | undefined;
  let written = '';
  let givenBack = 0;
  const ended = runLive({
    takeOver: (on) => {
      events = on;
      const write = (text: string) => {
        written += text;
      };
      return { write, giveBack: () => void givenBack++ };
    },
    size: () => ({ columns: 80, rows: 24 }),
    clock,
    stopping: stop.signal,
    style: { paint: (text) => text, ascii: true, timeZone: 'UTC' },
    intervalMs: 2_000,
    look: () => new Promise((done, failed) => looks.push({ done, failed })),
    first: REPORT,
  });
  const recent = () => {
    const text = written;
    written = '';
    return text;
  };
  return { clock, stop, looks, ended, recent, events: events!, givenBack: () => givenBack };
}

test('one look at a time: the next begins when the last is done and the interval has passed', async () => {
  const { clock, looks, ended, recent, events, givenBack } = started();
  expect(recent()).toContain('ok: numbers are complete and on time');
  await clock.advance(1_999);
  expect(looks).toHaveLength(0);
  await clock.advance(1);
  expect(looks).toHaveLength(1);
  for (let second = 0; second < 10; second++) await clock.advance(1_000);
  expect(looks).toHaveLength(1);
  expect(recent()).toContain('12.0s old');
  looks[0]!.done(REPORT);
  await clock.advance(0);
  expect(looks).toHaveLength(2);
  expect(recent()).not.toMatch(/s old/);
  events.keys('q');
  await ended;
  expect(givenBack()).toBe(1);
});

test('a look that fails is said with the age of the picture, which grows until one succeeds', async () => {
  const { clock, looks, ended, recent, events } = started();
  await clock.advance(2_000);
  looks[0]!.failed(AWAY);
  await clock.advance(0);
  expect(recent()).toContain('2.0s old: Redis does not answer, trying again (redis-unreachable)');
  await clock.advance(1_000);
  expect(recent()).toContain('3.0s old');
  await clock.advance(1_000);
  recent();
  looks[1]!.done(REPORT);
  await clock.advance(0);
  expect(recent().startsWith('\u001b[1;1Hok: ')).toBe(true);
  events.keys('q');
  await ended;
});

test('paused it looks no more, and then at once', async () => {
  const { clock, looks, ended, recent, events } = started();
  events.keys('p');
  expect(recent()).toContain('PAUSED');
  for (let second = 0; second < 9; second++) await clock.advance(1_000);
  expect(looks).toHaveLength(0);
  expect(recent()).toContain('PAUSED, 9.0s old');
  events.keys('p');
  await clock.advance(0);
  expect(looks).toHaveLength(1);
  events.keys('q');
  await ended;
});

test('a shorter interval counts from the last look', async () => {
  const { clock, looks, ended, events } = started();
  await clock.advance(1_000);
  events.keys('-');
  await clock.advance(0);
  expect(looks).toHaveLength(1);
  events.keys('q');
  await ended;
});

test('it ends at once while a look is under way, whoever asks for it', async () => {
  for (const end of ['stop', 'gone', 'key'] as const) {
    const { clock, stop, looks, ended, events, givenBack } = started();
    await clock.advance(2_000);
    if (end === 'stop') stop.abort();
    else if (end === 'gone') events.gone();
    else events.keys('\u0003');
    await ended;
    looks[0]!.failed(new Error('connection is closed'));
    expect(givenBack()).toBe(1);
    expect(clock.sleepingUntilMs).toEqual([]);
  }
});

test('a bug in a look ends it, and the terminal is given back', async () => {
  const { clock, looks, ended, givenBack } = started();
  await clock.advance(2_000);
  looks[0]!.failed(new TypeError('a bug'));
  await expect(ended).rejects.toThrow('a bug');
  expect(givenBack()).toBe(1);
});

test('everything is drawn again where something else may be on the screen', () => {
  const { recent, events } = started();
  recent();
  events.redraw();
  expect(recent()).toContain('ok: numbers are complete and on time');
  events.keys('q');
});
