import { MAX_PARTITIONS } from '@weir/common/defaults';
import { type Deployment, readDeployment } from '@weir/common/deployment';
import { SettingsError, WeirError } from '@weir/common/errors';
import { openRedis, RedisFault, redisFault } from '@weir/common/redis';
import { integer, keyPrefix, redisAddress, redisUrl } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import type { CommandContext } from './command-context.ts';

/** Which deployment a command looks at, and the connection to it. Every fault becomes one line for the operator. */
export interface DeploymentTarget {
  redis: Redis;
  prefix: string;
  partitions: number;
  /** Its settings as they are recorded; what no process has recorded yet is not there. */
  recorded: Partial<Deployment>;
}

const CONNECT_TIMEOUT_MS = 3_000;

/** Connects, finds out the number of partitions, hands all to `use`, and closes the connection whatever happens. */
export async function withDeployment<T>(
  context: CommandContext,
  use: (target: DeploymentTarget) => Promise<T>,
): Promise<T> {
  const { flags } = context;
  const address = redisAddress(flags.read('redis', redisUrl));
  const prefix = flags.read('prefix', keyPrefix);
  const wanted = flags.readOptional('partitions', integer(1, MAX_PARTITIONS));
  return withRedis(context, async (redis) => {
    const recorded = (await readDeployment(redis, prefix)) ?? {};
    const partitions = choosePartitions(prefix, address, wanted, recorded);
    return use({ redis, prefix, partitions, recorded });
  });
}

/** The same without a deployment: there may be none. */
export async function withRedis<T>(
  { flags }: Pick<CommandContext, 'flags'>,
  use: (redis: Redis) => Promise<T>,
): Promise<T> {
  const url = flags.read('redis', redisUrl);
  const redis = openRedis({ url, name: 'weir-cli', commandTimeoutMs: CONNECT_TIMEOUT_MS });
  try {
    await connect(redis);
    return await use(redis);
  } catch (error) {
    if (!(error instanceof RedisFault)) throw error;
    throw new WeirError(error.code, `Redis at ${redisAddress(url)}: ${reasonOf(error)}`, error.retryable, {
      cause: error,
    });
  } finally {
    redis.disconnect();
  }
}

/** Pure: what the operator said against what the deployment has recorded. */
export function choosePartitions(
  prefix: string,
  address: string,
  wanted: number | undefined,
  recorded: Partial<Deployment> | undefined,
): number {
  if (recorded?.partitions === undefined) {
    if (wanted !== undefined) return wanted;
    const message = `no deployment under prefix "${prefix}" in Redis at ${address}: no relay or aggregator has started there`;
    throw new WeirError('no-deployment', message, false);
  }
  if (wanted !== undefined && wanted !== recorded.partitions) {
    throw new SettingsError(
      `--partitions: got ${wanted}, expected ${recorded.partitions}, which deployment "${prefix}" has recorded in Redis`,
    );
  }
  return recorded.partitions;
}

/** Unlike a daemon, an operator's command does not wait for Redis to come back: the first fault is the answer. */
async function connect(redis: Redis): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      redis.once('ready', resolve);
      redis.once('error', reject);
      timer = setTimeout(() => reject(new Error(`no answer in ${CONNECT_TIMEOUT_MS} ms`)), CONNECT_TIMEOUT_MS);
      // Its own rejection says less than the error event before it.
      redis.connect().catch(reject);
    });
  } catch (error) {
    throw redisFault(error);
  } finally {
    clearTimeout(timer);
  }
}

/** What went wrong, in words: Node leaves the message empty where a name had several addresses and none of them answered. */
export function reasonOf({ message, cause }: RedisFault): string {
  if (message !== '') return message;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'cannot be reached';
}
