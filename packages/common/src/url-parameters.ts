import { SettingsError } from './errors.ts';
import { maskUrl, sinkName, type ValueType } from './setting-values.ts';

/** The parameters behind the `?` of a sink URL, each at most once, and the one-line faults about them. Pure. */
export interface SinkUrlOptions {
  /** What the fault names: the flag or variable the URL came from. */
  setting?: string;
  /** WEIR_SINK_TOKEN, for every 2.x sink that brings no token of its own. */
  token?: string | undefined;
}

export class UrlParameters {
  /** The text before the `?`. */
  readonly address: string;
  readonly #text: string;
  readonly #options: SinkUrlOptions;
  readonly #values = new Map<string, string>();

  constructor(text: string, options: SinkUrlOptions) {
    this.#text = text;
    this.#options = options;
    const queryAt = text.indexOf('?');
    this.address = queryAt < 0 ? text : text.slice(0, queryAt);
    if (/[\s\p{C}]/u.test(text)) this.fail('a URL without spaces and control characters (write them as %20 and so on)');
    if (queryAt < 0) return;
    for (const part of text.slice(queryAt + 1).split('&')) {
      const [, key = '', value = ''] = /^([^=]*)=?(.*)$/.exec(part) ?? [];
      if (this.#values.has(key)) this.fail(`the parameter ${key}= once`);
      this.#values.set(key, this.#decode(value));
    }
  }

  allow(keys: readonly string[]): void {
    for (const key of this.#values.keys()) {
      if (!keys.includes(key)) this.fail(`no parameters but ${keys.join(', ')}; unknown is ${key}`);
    }
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  text(key: string): string {
    return this.#values.get(key) ?? '';
  }

  optional(key: string): string | undefined {
    return this.has(key) ? this.required(key) : undefined;
  }

  required(key: string): string {
    return this.#values.get(key) || this.fail(`a value for ${key}=`);
  }

  name(byDefault: string): string {
    const own = this.has('name');
    const name = sinkName.schema.safeParse(own ? this.text('name') : byDefault);
    if (name.success) return name.data;
    return this.fail(
      own ? `as name= ${sinkName.expected}` : `a name= (from this URL none can be made): ${sinkName.expected}`,
    );
  }

  onOff(key: string, byDefault: boolean): boolean {
    if (!this.has(key)) return byDefault;
    const value = this.text(key);
    if (value !== 'on' && value !== 'off') this.fail(`${key}=on or ${key}=off`);
    return value === 'on';
  }

  value<T>(key: string, type: ValueType<T>, byDefault: T): T {
    if (!this.has(key)) return byDefault;
    const value = type.schema.safeParse(this.text(key));
    return value.success ? value.data : this.fail(`as ${key}= ${type.expected}`);
  }

  /** Percent escapes only: InfluxDB's tokens contain `+`, which a form decoder would turn into a space. */
  #decode(value: string): string {
    try {
      return decodeURIComponent(value);
    } catch {
      return this.fail('percent signs written as %25');
    }
  }

  fail(expected: string): never {
    failUrl(this.#options, this.#text, expected);
  }
}

export function failUrl({ setting = '--sink' }: SinkUrlOptions, text: string, expected: string): never {
  throw new SettingsError(`${setting}: got ${JSON.stringify(maskUrl(text))}, expected ${expected}`);
}
