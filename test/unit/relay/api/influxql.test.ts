import { MAX_STATEMENTS, parseStatements } from '@weir/relay/api/influxql';
import fc from 'fast-check';

const one = (text: string) => {
  const statements = parseStatements(text);
  if ('message' in statements) return statements.message;
  expect(statements).toHaveLength(1);
  return statements[0];
};

test.each([
  ['CREATE DATABASE events', 'events'],
  ['create database "my events";', 'my events'],
  ['  CREATE\n\tDATABASE "a;b" WITH DURATION 7d NAME "x"', 'a;b'],
  ['CREATE DATABASE "say \\"hi\\" \\\\ \\n"', 'say "hi" \\ \n'],
  ['/* first */ CREATE /* ; */ DATABASE d -- ; last', 'd'],
])('%s names a database', (text, name) => {
  expect(one(text)).toEqual({ kind: 'create-database', name });
});

test.each<[string, unknown]>([
  ['SHOW DATABASES', { kind: 'show-databases' }],
  ['show retention policies', { kind: 'show-retention-policies', database: undefined }],
  ['SHOW RETENTION POLICIES ON "x y"', { kind: 'show-retention-policies', database: 'x y' }],
  ['CREATE RETENTION POLICY week ON events DURATION 7d REPLICATION 1 DEFAULT', { kind: 'accepted' }],
  ['ALTER RETENTION POLICY "week" ON events DEFAULT', { kind: 'accepted' }],
  ['USE events', { kind: 'accepted' }],
  ["SELECT * FROM x WHERE host = 'a;b' AND y = 'it\\'s'", { kind: 'read' }],
  ['SHOW MEASUREMENTS', { kind: 'read' }],
  ['explain analyze select 1', { kind: 'read' }],
  ['DROP DATABASE events', { kind: 'refused', verb: 'DROP DATABASE' }],
  ['delete from x', { kind: 'refused', verb: 'DELETE FROM' }],
  ['CREATE USER "x"', { kind: 'refused', verb: 'CREATE USER' }],
  ['KILL QUERY 5', { kind: 'refused', verb: 'KILL QUERY' }],
  ['DROP "x"', { kind: 'refused', verb: 'DROP' }],
  [`drop ${'x'.repeat(99)}`, { kind: 'refused', verb: `DROP ${'X'.repeat(40)}` }],
])('%s is understood', (text, statement) => {
  expect(one(text)).toEqual(statement);
});

test('statements are cut at semicolons, and empty ones are none', () => {
  expect(parseStatements(';CREATE DATABASE a;; USE a ; SHOW DATABASES;')).toEqual([
    { kind: 'create-database', name: 'a' },
    { kind: 'accepted' },
    { kind: 'show-databases' },
  ]);
  expect(parseStatements(' ; -- nothing\n')).toEqual([]);
});

test.each([
  ['hello', 'error parsing query: found hello, expected SELECT, DELETE, SHOW,'],
  ['"SELECT" 1', 'error parsing query: found "SELECT", expected SELECT, DELETE, SHOW,'],
  ['USER x', 'error parsing query: found USER, expected SELECT, DELETE, SHOW,'],
  ['CREATE DATABASE', 'error parsing query: found EOF, expected identifier at line 1, char 16'],
  ["USE a;\n CREATE DATABASE 'a'", "error parsing query: found 'a', expected identifier at line 2, char 18"],
  ['SHOW RETENTION POLICIES ON', 'error parsing query: found EOF, expected identifier at line 1, char 27'],
  ['CREATE DATABASE "a', 'error parsing query: found "a, expected a closing quote at line 1, char 17'],
  ["SELECT 'a", "error parsing query: found 'a, expected a closing quote at line 1, char 8"],
  [`${'x'.repeat(500)}`, `error parsing query: found ${'x'.repeat(40)}, expected`],
])('%j is told what is wrong, in the words of InfluxDB', (text, message) => {
  expect(one(text)).toContain(message);
});

test('so many statements and no more', () => {
  expect(parseStatements('USE a;'.repeat(MAX_STATEMENTS))).toHaveLength(MAX_STATEMENTS);
  expect(parseStatements('USE a;'.repeat(MAX_STATEMENTS + 1))).toEqual({ message: 'more than 100 statements' });
});

test('any text at all is judged, in a time that grows with its length', () => {
  const piece = fc.constantFrom('CREATE', 'DATABASE', ' ', '"', "'", '\\', ';', '/*', '*/', '--', '\n', 'x', '🙂', '=');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const judged = parseStatements(pieces.join(''));
      expect(Array.isArray(judged) || typeof judged.message === 'string').toBe(true);
    }),
    { numRuns: 2_000 },
  );
  // Looking for the end of each of these would take minutes.
  for (const text of ['/*', '"\\"', "'x", '-- ']) parseStatements(`SELECT ${text.repeat(200_000)}`);
});
