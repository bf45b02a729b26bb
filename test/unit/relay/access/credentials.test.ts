import { credentialsOf } from '@weir/relay/access/credentials';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const texts = (authorization: string | undefined, query = '') =>
  credentialsOf(authorization, new URLSearchParams(query)).map(String);

test.each<[string, string | undefined, string, string[]]>([
  ['the token of 2.x', 'Token abc', '', ['abc']],
  ['a bearer token', 'Bearer abc', '', ['abc']],
  ['whatever the case of the scheme', 'bEARER   abc', '', ['abc']],
  ['a token that says user and password, as 1.8 has it', 'Token me:abc', '', ['me:abc', 'abc']],
  ['basic: all of it, or the password', `Basic ${base64('me:abc')}`, '', ['me:abc', 'abc']],
  ['a password with a colon', `Basic ${base64('me:a:c')}`, '', ['me:a:c', 'a:c']],
  ['basic without a user', `Basic ${base64(':abc')}`, '', [':abc', 'abc']],
  ['u and p in the query', undefined, 'db=x&u=me&p=a%2Bc', ['me:a+c', 'a+c']],
  ['p alone', undefined, 'p=abc', ['abc']],
  ['the header before the query', 'Token abc', 'u=me&p=other', ['abc']],
  ['a header that is not understood, whatever the query says', 'Digest abc', 'u=me&p=abc', []],
  ['a scheme without anything', 'Token', '', []],
  ['a token without a scheme', 'abc', '', []],
  ['a user without a password', undefined, 'u=me', []],
  ['nothing', undefined, '', []],
])('%s', (_, authorization, query, expected) => {
  expect(texts(authorization, query)).toEqual(expected);
});

test('a header is taken byte by byte', () => {
  // As node hands out the bytes of `ü` in UTF-8.
  expect(texts(`Token ${Buffer.from('ü').toString('latin1')}`)).toEqual(['ü']);
});
