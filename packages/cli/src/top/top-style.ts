import type { Paint } from '../paint.ts';
import { cellsOf, clip } from './cells.ts';

/** How a terminal wants things drawn. Pure. */
export interface TopStyle {
  paint: Paint;
  /** Letters instead of blocks in the sparklines. */
  ascii: boolean;
  timeZone: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Blocks are for those whose locale is UTF-8; the kernel's own console has no font for them. */
export function asciiOnly(env: Env): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return !/utf-?8/i.test(locale) || env.TERM === 'linux' || isDumb(env);
}

/** Such a terminal cannot move its cursor: on it reports follow each other, as in a file. */
export function isDumb(env: Env): boolean {
  return env.TERM === undefined || env.TERM === '' || env.TERM === 'dumb';
}

export function ellipsis({ ascii }: TopStyle): string {
  return ascii ? '...' : '…';
}

/** Names may be 128 bytes long, and must not drive what stands beside them off the screen. */
export function shorten(name: string, cells: number, style: TopStyle): string {
  if (cellsOf(name) <= cells) return name;
  const end = ellipsis(style);
  return clip(name, cells - cellsOf(end)) + end;
}
