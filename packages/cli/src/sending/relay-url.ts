import { valueType } from '@weir/common/setting-values';

/** Where a relay takes lines, as operators write it. Pure. */
export const relayUrl = valueType('http(s)://host:port of a relay', (text) => {
  const url = /^https?:\/\/[^/?#@\s]+\/?$/.test(text) && URL.canParse(text);
  return url ? text.replace(/\/$/, '') : undefined;
});
