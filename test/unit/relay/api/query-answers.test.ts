import type { Statement } from '@weir/relay/api/influxql';
import { MAX_NAMES, QueryAnswers } from '@weir/relay/api/query-answers';

const create = (name: string): Statement => ({ kind: 'create-database', name });
const show: Statement = { kind: 'show-databases' };
const names = (answers: QueryAnswers) =>
  answers.answer([show], undefined)[0]!.series![0]!.values?.map(([name]) => name);

test('what prepares for writing succeeds', () => {
  const statements: Statement[] = [create('events'), { kind: 'accepted' }];
  expect(new QueryAnswers().answer(statements, undefined)).toEqual([{ statement_id: 0 }, { statement_id: 1 }]);
});

test('a database that was created is listed, once', () => {
  const answers = new QueryAnswers();
  expect(answers.answer([show], undefined)).toEqual([
    { statement_id: 0, series: [{ name: 'databases', columns: ['name'] }] },
  ]);
  answers.answer([create('a'), create('__proto__'), create('a')], undefined);
  expect(names(answers)).toEqual(['__proto__', 'a']);
});

test('the one created longest ago is forgotten first', () => {
  const answers = new QueryAnswers();
  for (let i = 0; i < MAX_NAMES; i++) answers.answer([create(`db${i}`)], undefined);
  answers.answer([create('db0'), create('more')], undefined);
  expect(names(answers)).toHaveLength(MAX_NAMES);
  expect(names(answers)).toEqual(expect.arrayContaining(['db0', 'more', 'db2']));
  expect(names(answers)).not.toContain('db1');
});

test.each(['', '.', '..', 'a/b', 'a\\b', 'a\nb', 'x'.repeat(256)])('%j is no name of a database', (name) => {
  const answers = new QueryAnswers();
  expect(answers.answer([create(name)], undefined)).toEqual([{ statement_id: 0, error: 'invalid name' }]);
  expect(names(answers)).toBeUndefined();
});

test('every database has the retention policy that InfluxDB gives it', () => {
  const ask = (database: string | undefined, db: string | undefined) =>
    new QueryAnswers().answer([{ kind: 'show-retention-policies', database }], db)[0]!;
  const policy = {
    columns: ['name', 'duration', 'shardGroupDuration', 'replicaN', 'default'],
    values: [['autogen', '0s', '168h0m0s', 1, true]],
  };
  expect(ask('a', undefined)).toEqual({ statement_id: 0, series: [policy] });
  expect(ask(undefined, 'a')).toEqual({ statement_id: 0, series: [policy] });
  expect(ask(undefined, undefined)).toEqual({ statement_id: 0, error: 'database name required' });
});

test('reading and dropping are refused, and what stands behind is not executed', () => {
  const answers = new QueryAnswers();
  const statements: Statement[] = [
    create('a'),
    { kind: 'refused', verb: 'DROP DATABASE' },
    create('b'),
    { kind: 'read' },
  ];
  expect(answers.answer(statements, undefined)).toEqual([
    { statement_id: 0 },
    { statement_id: 1, error: expect.stringMatching(/^DROP DATABASE is refused: .* relay/) },
    { statement_id: 2, error: 'not executed' },
    { statement_id: 3, error: 'not executed' },
  ]);
  expect(names(answers)).toEqual(['a']);
  expect(answers.answer([{ kind: 'read' }], 'a')[0]!.error).toMatch(/read from the InfluxDBs/);
});
