import type { Outcome, SinkErrorCode } from './sink.ts';

/**
 * What went wrong with TLS, by Node's code, in words that name the remedy. Pure. A certificate is judged before a byte of
 * the request is sent, so what failed over it never reached the sink; what the other side says of ours may come later.
 */
export interface TlsFault {
  code: SinkErrorCode;
  words: string;
  outcome: Outcome;
}

const UNKNOWN_ISSUER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const OUTSIDE_ITS_TIME = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const OTHER_NAMES = 'ERR_TLS_CERT_ALTNAME_INVALID';
/** The rest of what OpenSSL says of a certificate that it has looked at. */
const UNFIT = /^(CERT_|CRL_|INVALID_(CA|PURPOSE)$|PATH_LENGTH_EXCEEDED$|HOSTNAME_MISMATCH$|UNABLE_TO_)/;
const OURS_REFUSED = /^ERR_SSL_.*ALERT.*_(CERTIFICATE|CA|ACCESS_DENIED|CERTIFICATE_\w+)$/;

export function tlsFault(code: string): TlsFault | undefined {
  const untrusted = (words: string): TlsFault => ({
    code: 'sink-untrusted',
    words: `${words} (${code})`,
    outcome: 'not-applied',
  });
  if (UNKNOWN_ISSUER.has(code)) {
    const remedy = "give its issuer's certificate, or its own where it is self-signed, as &ca=<file>";
    return untrusted(`nobody this side trusts vouches for its certificate: ${remedy}`);
  }
  if (OUTSIDE_ITS_TIME.has(code)) {
    return untrusted('its certificate has ended or has not begun: renew it, or set the clocks right');
  }
  if (code === OTHER_NAMES) {
    return untrusted(
      'its certificate is for other names: put one of those into the URL, or this one into the certificate',
    );
  }
  if (UNFIT.test(code)) return untrusted('its certificate cannot be trusted');
  if (OURS_REFUSED.test(code)) {
    const words = `it wants another certificate of this side, or any: &cert=<file>&key=<file> (${code})`;
    return { code: 'sink-unauthorized', words, outcome: 'unknown' };
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) {
    return { code: 'sink-unreachable', words: `no TLS handshake; is it http:// there? (${code})`, outcome: 'unknown' };
  }
  return undefined;
}
