/** When Redis gave a stream entry its id (`ms-seq`), Unix milliseconds; NaN for what is no id. */
export function entryMs(id: string): number {
  const match = /^([0-9]+)-[0-9]+$/.exec(id);
  return match ? Number(match[1]) : Number.NaN;
}
