/**
 * As much of InfluxQL as it takes to tell what a client wants: statements are cut at their semicolons, outside of quotes
 * and comments, and known by their first words. The rest of a statement is not looked at, because whatever it says
 * changes nothing here. Pure.
 */
export type Statement =
  | { kind: 'create-database'; name: string }
  | { kind: 'show-databases' }
  | { kind: 'show-retention-policies'; database: string | undefined }
  /** Says where or how long points are kept, which is the sinks' affair: there is nothing to do, and nothing wrong. */
  | { kind: 'accepted' }
  /** Asks for points, series or the like. */
  | { kind: 'read' }
  /** Would take something away, or set up something that is not here. */
  | { kind: 'refused'; verb: string };

/** In the words of InfluxDB's parser. */
export interface ParseFault {
  message: string;
}

export const MAX_STATEMENTS = 100;

interface Token {
  kind: 'word' | 'identifier' | 'other';
  /** Of a word in capitals; of an identifier without its quotes. */
  text: string;
  /** As it was written. */
  source: string;
  at: number;
}

export function parseStatements(text: string): Statement[] | ParseFault {
  const statements: Statement[] = [];
  let tokens: Token[] = [];
  for (const token of tokensOf(text)) {
    if ('message' in token) return token;
    if (token.source !== ';') {
      tokens.push(token);
      continue;
    }
    const fault = add(tokens);
    if (fault) return fault;
    tokens = [];
  }
  return add(tokens) ?? statements;

  function add(found: Token[]): ParseFault | undefined {
    if (found.length === 0) return undefined;
    if (statements.length === MAX_STATEMENTS) return { message: `more than ${MAX_STATEMENTS} statements` };
    const statement = understand(found, text);
    if ('message' in statement) return statement;
    statements.push(statement);
    return undefined;
  }
}

const READING = new Set(['SELECT', 'EXPLAIN', 'SHOW']);
const REFUSED = new Set(['DROP', 'DELETE', 'KILL', 'CREATE', 'ALTER', 'GRANT', 'REVOKE', 'SET']);
/** Of what a client wrote, in an answer. */
const SHOWN_CHARS = 40;
const EXPECTED = 'SELECT, DELETE, SHOW, CREATE, DROP, EXPLAIN, GRANT, REVOKE, ALTER, SET, KILL';

function understand(tokens: Token[], text: string): Statement | ParseFault {
  const [first, second, third, fourth, fifth] = tokens;
  const verb = first!.text;
  const begins = (phrase: string) =>
    phrase.split(' ').every((word, i) => tokens[i]?.kind === 'word' && tokens[i].text === word);
  if (begins('CREATE DATABASE')) return nameOf(third, text, (name) => ({ kind: 'create-database', name }));
  if (begins('CREATE RETENTION POLICY') || begins('ALTER RETENTION POLICY')) {
    return nameOf(fourth, text, () => ({ kind: 'accepted' }));
  }
  if (begins('SHOW DATABASES')) return { kind: 'show-databases' };
  if (begins('SHOW RETENTION POLICIES')) {
    if (fourth?.text !== 'ON') return { kind: 'show-retention-policies', database: undefined };
    return nameOf(fifth, text, (database) => ({ kind: 'show-retention-policies', database }));
  }
  // No InfluxQL: the shell's own command, which reaches us when a script is piped into it.
  if (begins('USE')) return nameOf(second, text, () => ({ kind: 'accepted' }));
  if (first!.kind === 'word' && READING.has(verb)) return { kind: 'read' };
  if (first!.kind === 'word' && REFUSED.has(verb)) {
    const object = second?.kind === 'word' ? ` ${second.text.slice(0, SHOWN_CHARS)}` : '';
    return { kind: 'refused', verb: `${verb}${object}` };
  }
  return unexpected(first, EXPECTED, text);
}

function nameOf(token: Token | undefined, text: string, named: (name: string) => Statement): Statement | ParseFault {
  if (token?.kind === 'identifier') return named(token.text);
  if (token?.kind === 'word') return named(token.source);
  return unexpected(token, 'identifier', text);
}

function unexpected(token: Token | undefined, expected: string, text: string): ParseFault {
  const before = text.slice(0, token?.at ?? text.length).split('\n');
  const place = `at line ${before.length}, char ${before.at(-1)!.length + 1}`;
  const found = token === undefined ? 'EOF' : token.source.slice(0, SHOWN_CHARS);
  return { message: `error parsing query: found ${found}, expected ${expected} ${place}` };
}

/**
 * White space and comments; a quoted identifier; a text; a word; anything else, character by character. A comment that is
 * never closed runs to the end: looking for its end again and again would take its length squared.
 */
const PIECES =
  /(\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|"((?:[^"\\\n]|\\["\\n])*)"|('(?:[^'\\\n]|\\['\\n])*')|([A-Za-z_][A-Za-z0-9_]*)|([^"'])/y;

function* tokensOf(text: string): Generator<Token | ParseFault> {
  PIECES.lastIndex = 0;
  for (let at = 0; at < text.length; at = PIECES.lastIndex) {
    PIECES.lastIndex = at;
    const found = PIECES.exec(text);
    if (found === null) {
      yield unexpected(
        { kind: 'other', text: '', source: text.slice(at).split('\n')[0]!, at },
        'a closing quote',
        text,
      );
      return;
    }
    const [source, blank, identifier, , word] = found;
    if (blank !== undefined) continue;
    if (identifier !== undefined) yield { kind: 'identifier', text: unquoted(identifier), source, at };
    else if (word !== undefined) yield { kind: 'word', text: word.toUpperCase(), source, at };
    else yield { kind: 'other', text: source, source, at };
  }
}

function unquoted(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}
