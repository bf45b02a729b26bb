/**
 * What a request says to prove that it may write, in the ways of both InfluxDB APIs:
 *   Authorization: Token <t>   or Bearer <t>
 *   Authorization: Basic <base64 of user:t>
 *   ?u=<user>&p=<t>            only where there is no Authorization header
 * A user's name is asked for by some clients and means nothing to us, unless the token itself was made as `user:password`, as
 * InfluxDB 1.8 wants it. So both are candidates: all of it, and what stands behind the first colon. Pure.
 */
const NOTHING: readonly Buffer[] = [];
const COLON = 0x3a;

/** The candidates, as bytes; none where nothing was said, or nothing that can be understood. */
export function credentialsOf(authorization: string | undefined, query: URLSearchParams): readonly Buffer[] {
  if (authorization !== undefined) return ofHeader(authorization);
  const password = query.get('p');
  if (password === null) return NOTHING;
  const user = query.get('u');
  return candidates(Buffer.from(user === null ? password : `${user}:${password}`));
}

function ofHeader(authorization: string): readonly Buffer[] {
  const [, scheme, text] = /^([A-Za-z]+) +(\S.*)$/.exec(authorization) ?? [];
  switch (scheme?.toLowerCase()) {
    case 'token':
    case 'bearer':
      // Node hands out a header byte by byte.
      return candidates(Buffer.from(text!, 'latin1'));
    case 'basic':
      return candidates(Buffer.from(text!, 'base64'));
    default:
      return NOTHING;
  }
}

function candidates(all: Buffer): readonly Buffer[] {
  const colon = all.indexOf(COLON);
  return colon < 0 ? [all] : [all, all.subarray(colon + 1)];
}
