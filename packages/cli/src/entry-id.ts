/** When Redis gave a stream entry its id (`ms-seq`), Unix milliseconds; NaN for what is no id. */
export function entryMs(id: string): number {
  const match = /^([0-9]+)-[0-9]+$/.exec(id);
  return match ? Number(match[1]) : Number.NaN;
}

/** By Redis's order of entry ids, `ms-seq`, each up to 64 bits: too large for a number, and written without leading zeros. */
export function isAfter(id: string, other: string): boolean {
  const [dash, otherDash] = [id.indexOf('-'), other.indexOf('-')];
  const byMs = compare(id.slice(0, dash), other.slice(0, otherDash));
  return byMs > 0 || (byMs === 0 && compare(id.slice(dash + 1), other.slice(otherDash + 1)) > 0);
}

function compare(digits: string, others: string): number {
  if (digits.length !== others.length) return digits.length - others.length;
  return digits < others ? -1 : digits > others ? 1 : 0;
}
