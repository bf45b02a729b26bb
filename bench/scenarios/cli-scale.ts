import type { Redis } from 'ioredis';
import { startRedis } from '../../test/support/redis-server.ts';
import { runCli } from '../../test/support/run-program.ts';
import { fillLarge, type LargeDeployment } from '../load/large-deployment.ts';
import { giveOwnProcessor } from '../measure/own-processor.ts';
import { type Bench, type Scenario, trial } from '../scenario.ts';

/**
 * How long the commands that look take on a very large deployment, each a process of its own from its start to its end, and
 * for how long Redis could serve nobody else meanwhile: the slowest step in its own slow log. Redis has a processor that the
 * commands do not share: it is its own work that is looked for, and not that it had to wait for theirs.
 */
export const cliScale: Scenario = {
  name: 'cli-scale',
  what: 'the commands that look, on 64 partitions, 50 consumers and 100,000 pending entries',
  sizes: { runs: 5 },
  run: async (bench) => {
    const alone = await trial(() => measure(bench));
    const { sinks, ...sizes } = SIZE;
    const settings = { ...sizes, sinks: sinks.length, 'processor of Redis': alone ? 'its own' : 'shared' };
    return { settings, measures: bench.measures, notes: NOTES };
  },
};

const SIZE: LargeDeployment = {
  partitions: 64,
  consumers: 50,
  pendingEntries: 100_000,
  undeliveredEntries: 10_000,
  linesPerEntry: 10,
  openWindows: 20,
  finalRecords: 1_440,
  groups: 300,
  sinks: ['az1', 'az2'],
};

const COMMANDS = [
  ['status'],
  ['top', '--count', '1'],
  ['lag'],
  ['pending'],
  ['pending', '--idle', '60s'],
  ['consumers'],
  ['windows'],
  ['windows', '--unflushed', '--sink', 'az1'],
  ['check'],
  ['doctor'],
  ['ledger'],
  ['--help'],
];

const NOTES = [
  'Redis counts the steps of its slow log by its own clock: what the machine gave to others in the middle of one is in it.',
  '`weir ledger` reads every entry that waits, 80 MB of them here: it is the one that must know.',
  '`weir lag` waits 300 ms between two looks, for its rates.',
];
const NOTICED_MICROS = 500;
const MAX_COMMAND_MS = 1_000;
const MAX_LEDGER_MS = 2_000;
const MAX_HELP_MS = 150;
const MAX_STEP_MS = 5;

/** Answers whether Redis had a processor to itself. */
async function measure(bench: Bench): Promise<boolean> {
  const server = await startRedis();
  const redis = server.client();
  bench.say(`writing ${SIZE.pendingEntries} pending entries over ${SIZE.partitions} partitions`);
  await fillLarge(redis, SIZE);
  const alone = await giveOwnProcessor(server.pid);
  await redis.config('SET', 'slowlog-log-slower-than', NOTICED_MICROS);
  await redis.config('SET', 'slowlog-max-len', 10_000);
  for (let run = 1; run <= bench.sizes.runs; run++) {
    bench.say(`run ${run} of ${bench.sizes.runs}`);
    for (const argv of COMMANDS) await measureCommand(bench, redis, server.url, argv);
  }
  return alone;
}

async function measureCommand(bench: Bench, redis: Redis, url: string, argv: readonly string[]): Promise<void> {
  await redis.slowlog('RESET');
  const startedMs = performance.now();
  const { code, stderr } = await runCli(argv, { WEIR_REDIS: url });
  const tookMs = performance.now() - startedMs;
  // What was made up does not fit together: some find something to complain of.
  if (code === null || code > 2 || (code === 2 && argv[0] !== 'check'))
    throw new Error(`weir ${argv.join(' ')}: ${stderr}`);
  const name = `weir ${argv.join(' ')}`;
  const help = argv[0] === '--help';
  const atMost = help ? MAX_HELP_MS : argv[0] === 'ledger' ? MAX_LEDGER_MS : MAX_COMMAND_MS;
  bench.add(`${name}, start to end`, 'ms', tookMs, { atMost });
  if (help) return;
  bench.add(`${name}, longest step of Redis`, 'ms', await longestStepMs(redis), { atMost: MAX_STEP_MS });
}

/** 0 when none took half a millisecond. */
async function longestStepMs(redis: Redis): Promise<number> {
  const entries = (await redis.slowlog('GET', 10_000)) as [id: number, atSec: number, micros: number][];
  return entries.reduce((longest, [, , micros]) => Math.max(longest, micros / 1_000), 0);
}
