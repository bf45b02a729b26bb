/** A rate for eyes: `0`, `0.5`, `9.9`, `1200`; `?` where it is not known. Pure. */
export function rateText(perSec: number | null): string {
  if (perSec === null) return '?';
  return perSec > 0 && perSec < 10 ? Math.max(0.1, perSec).toFixed(1) : String(Math.round(perSec));
}
