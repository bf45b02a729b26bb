import type { Statement } from './influxql.ts';
import { READ_ELSEWHERE } from './words.ts';

/**
 * What `/query` answers. A relay has no databases and keeps no points: every name is taken in `db=`, and everything a
 * client does to prepare for writing succeeds without doing anything. Reading and dropping are refused with a word on
 * where to do that. Only the names that were created are remembered, a few, for as long as the relay runs, because there
 * are clients that look whether the name they just created is there. Pure.
 */
export interface QueryResult {
  statement_id: number;
  series?: Series[];
  error?: string;
}

interface Series {
  name?: string;
  columns: string[];
  /** Absent where there are none, as InfluxDB does it. */
  values?: unknown[][];
}

/** Of the names, the one created longest ago is forgotten first. */
export const MAX_NAMES = 100;
const MAX_NAME_CHARS = 255;

export class QueryAnswers {
  readonly #names = new Set<string>();

  /** `database`: the request's `db`. After a statement that fails none is executed, as in InfluxDB. */
  answer(statements: readonly Statement[], database: string | undefined): QueryResult[] {
    let failed = false;
    return statements.map((statement, i) => {
      const result = failed ? { error: 'not executed' } : this.#execute(statement, database);
      failed ||= result.error !== undefined;
      return { statement_id: i, ...result };
    });
  }

  #execute(statement: Statement, database: string | undefined): Omit<QueryResult, 'statement_id'> {
    switch (statement.kind) {
      case 'create-database':
        return this.#create(statement.name);
      case 'show-databases':
        return {
          series: [
            series(
              'databases',
              ['name'],
              [...this.#names].map((name) => [name]),
            ),
          ],
        };
      case 'show-retention-policies':
        if ((statement.database ?? database) === undefined) return { error: 'database name required' };
        return { series: [RETENTION_POLICIES] };
      case 'accepted':
        return {};
      case 'read':
        return { error: READ_ELSEWHERE };
      case 'refused':
        return {
          error: `${statement.verb} is refused: this is a Weir relay, which only takes writes and keeps nothing`,
        };
    }
  }

  #create(name: string): { error?: string } {
    if (!isDatabaseName(name)) return { error: 'invalid name' };
    this.#names.delete(name);
    if (this.#names.size === MAX_NAMES) this.#names.delete(this.#names.values().next().value!);
    this.#names.add(name);
    return {};
  }
}

/** InfluxDB's own rule, and a bound on what is remembered. */
function isDatabaseName(name: string): boolean {
  return name.length <= MAX_NAME_CHARS && /^[^\p{C}/\\]+$/u.test(name) && name !== '.' && name !== '..';
}

const POLICY_COLUMNS = ['name', 'duration', 'shardGroupDuration', 'replicaN', 'default'];
/** What a database of InfluxDB has when nobody created any. */
const RETENTION_POLICIES = series(undefined, POLICY_COLUMNS, [['autogen', '0s', '168h0m0s', 1, true]]);

function series(name: string | undefined, columns: string[], values: unknown[][]): Series {
  return { ...(name === undefined ? {} : { name }), columns, ...(values.length === 0 ? {} : { values }) };
}
