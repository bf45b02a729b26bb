import type { Redis } from 'ioredis';
import { SettingsError } from './errors.ts';
import { deploymentKey } from './keys.ts';
import { CUMULATIVE_USER_EVENT, UNIQUE_USER_EVENT } from './line-encode.ts';
import { type PointShape, pointTags } from './point-shape.ts';
import { redisFault, Script } from './redis.ts';
import { formatDuration } from './setting-values.ts';

/**
 * The settings that belong to the deployment and not to a process: two aggregators with different windows would write
 * nonsense together. The first start records them in Redis, field by field, because a relay knows only some of them;
 * a process that was started with others learns both values and ends. Agreeing again is cheap and harmless, so daemons
 * do it after every loss of Redis's data.
 */
export interface Deployment {
  partitions: number;
  windowMs: number;
  graceMs: number;
  latenessMs: number;
  identity: string;
  /** Names of the sinks. Their order means nothing; they are kept sorted. */
  sinks: readonly string[];
  /** What stands in the databases (point-shape.ts). */
  uniqueMeasurement: string;
  cumulativeMeasurement: string;
  /** As `formatPointTags` writes them. */
  pointTags: string;
  pointTime: string;
}

interface Field {
  flag: string;
  /** As it is stored. */
  write: (deployment: Partial<Deployment>) => string | undefined;
  read: (stored: string) => Partial<Deployment>;
  /** The stored text as the operator would write it. */
  show: (stored: string) => string;
  /** What an aggregator did, and so has filled the databases with, before there was such a field. */
  before?: string;
}

const asIs = (stored: string): string => stored;
const asDuration = (stored: string): string => formatDuration(Number(stored));

const FIELDS: ReadonlyMap<string, Field> = new Map([
  [
    'partitions',
    {
      flag: '--partitions',
      write: (d) => d.partitions?.toString(),
      read: (t) => ({ partitions: Number(t) }),
      show: asIs,
    },
  ],
  [
    'windowMs',
    {
      flag: '--window',
      write: (d) => d.windowMs?.toString(),
      read: (t) => ({ windowMs: Number(t) }),
      show: asDuration,
    },
  ],
  [
    'graceMs',
    { flag: '--grace', write: (d) => d.graceMs?.toString(), read: (t) => ({ graceMs: Number(t) }), show: asDuration },
  ],
  [
    'latenessMs',
    {
      flag: '--lateness',
      write: (d) => d.latenessMs?.toString(),
      read: (t) => ({ latenessMs: Number(t) }),
      show: asDuration,
    },
  ],
  ['identity', { flag: '--identity', write: (d) => d.identity, read: (t) => ({ identity: t }), show: asIs }],
  [
    'sinks',
    {
      flag: '--sink',
      write: (d) => d.sinks && joinSorted(d.sinks),
      read: (t) => ({ sinks: t === '' ? [] : t.split(',') }),
      show: asIs,
    },
  ],
  [
    'uniqueMeasurement',
    {
      flag: '--unique-measurement',
      write: (d) => d.uniqueMeasurement,
      read: (t) => ({ uniqueMeasurement: t }),
      show: asIs,
      before: UNIQUE_USER_EVENT,
    },
  ],
  [
    'cumulativeMeasurement',
    {
      flag: '--cumulative-measurement',
      write: (d) => d.cumulativeMeasurement,
      read: (t) => ({ cumulativeMeasurement: t }),
      show: asIs,
      before: CUMULATIVE_USER_EVENT,
    },
  ],
  [
    'pointTags',
    {
      flag: '--point-tags',
      write: (d) => d.pointTags,
      read: (t) => ({ pointTags: t }),
      show: (t) => (t === '' ? 'none' : t),
      before: '',
    },
  ],
  [
    'pointTime',
    {
      flag: '--point-time',
      write: (d) => d.pointTime,
      read: (t) => ({ pointTime: t }),
      show: asIs,
      before: 'start',
    },
  ],
] satisfies [keyof Deployment, Field][]);

function joinSorted(sinks: readonly string[]): string {
  return [...sinks].sort().join(',');
}

const agree = Script.beside(import.meta.url, 'deployment');
/** Recorded since the first version, by aggregators only: where it stands one of them has been at work. */
const OF_AGGREGATORS: keyof Deployment = 'windowMs';

/**
 * Records what is not recorded yet and answers the whole record. Rejects with a SettingsError where a wanted value
 * differs from the recorded one (nothing is written then), with a RedisFault where Redis does not answer.
 */
export async function agreeOnDeployment(
  redis: Redis,
  prefix: string,
  wanted: Partial<Deployment>,
): Promise<Partial<Deployment>> {
  const args = [...write(wanted)].flatMap(([field, value]) => {
    const { before } = FIELDS.get(field)!;
    return [field, value, before === undefined ? 0 : 1, before ?? ''];
  });
  const reply = (await agree.run(redis, [deploymentKey(prefix)], [OF_AGGREGATORS, ...args])) as Buffer[];
  const stored = new Map<string, string>();
  for (let i = 0; i + 1 < reply.length; i += 2) stored.set(reply[i]!.toString(), reply[i + 1]!.toString());
  const [conflict] = conflicts(prefix, wanted, stored);
  if (conflict) throw new SettingsError(conflict.message);
  return read(stored);
}

/** The record, or undefined when no process of this deployment ever started. Rejects with a RedisFault. */
export async function readDeployment(redis: Redis, prefix: string): Promise<Partial<Deployment> | undefined> {
  const stored = await readStored(redis, prefix);
  return stored.size === 0 ? undefined : read(stored);
}

async function readStored(redis: Redis, prefix: string): Promise<Map<string, string>> {
  try {
    return new Map(Object.entries(await redis.hgetall(deploymentKey(prefix))));
  } catch (error) {
    throw redisFault(error);
  }
}

/**
 * Where the wanted values differ from the recorded ones, each as the start of a daemon would say it, by the flag; undefined when
 * nothing is recorded. Rejects with a RedisFault.
 */
export async function compareWithDeployment(
  redis: Redis,
  prefix: string,
  wanted: Partial<Deployment>,
): Promise<Conflict[] | undefined> {
  const stored = await readStored(redis, prefix);
  if (stored.size === 0) return undefined;
  for (const [field, { before }] of stored.has(OF_AGGREGATORS) ? FIELDS : []) {
    if (before !== undefined && !stored.has(field)) stored.set(field, before);
  }
  // What is not recorded yet the daemon would record.
  const recorded = Object.entries(wanted).filter(([field]) => stored.has(field));
  return conflicts(prefix, Object.fromEntries(recorded), stored);
}

/** How the points of a deployment look. What is not recorded is as it was before it could be. */
export function recordedShape(deployment: Partial<Deployment>): PointShape {
  const { uniqueMeasurement, cumulativeMeasurement, pointTags: tags = '', pointTime } = deployment;
  return {
    names: {
      [UNIQUE_USER_EVENT]: uniqueMeasurement ?? UNIQUE_USER_EVENT,
      [CUMULATIVE_USER_EVENT]: cumulativeMeasurement ?? CUMULATIVE_USER_EVENT,
    },
    tags: pointTags.schema.safeParse(tags).data ?? [],
    time: pointTime === 'end' ? 'end' : 'start',
  };
}

export interface Conflict {
  /** `--window` */
  flag: string;
  /** One line that names the setting, both values and the remedy. */
  message: string;
}

function conflicts(prefix: string, wanted: Partial<Deployment>, stored: ReadonlyMap<string, string>): Conflict[] {
  const found: Conflict[] = [];
  for (const [field, here] of write(wanted)) {
    const there = stored.get(field);
    if (here === there) continue;
    const { flag, show } = FIELDS.get(field)!;
    const expected = there === undefined ? 'nothing' : show(there);
    const remedy = field === 'sinks' ? 'change them with weir sink add or remove' : 'start with the recorded value';
    const message = `${flag}: got ${show(here)}, expected ${expected}, which deployment "${prefix}" has recorded in Redis: ${remedy}, or take another --prefix`;
    found.push({ flag, message });
  }
  return found;
}

function write(deployment: Partial<Deployment>): Map<string, string> {
  const stored = new Map<string, string>();
  for (const [field, codec] of FIELDS) {
    const text = codec.write(deployment);
    if (text !== undefined) stored.set(field, text);
  }
  return stored;
}

function read(stored: ReadonlyMap<string, string>): Partial<Deployment> {
  const deployment: Partial<Deployment> = {};
  for (const [field, codec] of FIELDS) {
    const text = stored.get(field);
    if (text !== undefined) Object.assign(deployment, codec.read(text));
  }
  return deployment;
}
