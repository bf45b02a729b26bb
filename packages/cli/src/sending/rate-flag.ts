import { valueType } from '@weir/common/setting-values';

/** Lines a second: `5000`, `5000/s`. */
export const linesPerSec = valueType('lines a second, such as 5000/s', (text) => {
  const match = /^([1-9][0-9]{0,8})(?:\/s)?$/.exec(text);
  return match ? Number(match[1]) : undefined;
});
