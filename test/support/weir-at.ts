import type { Region } from './region.ts';
import { runCli } from './run-program.ts';

/** `weir …` at a region, as its own program, and the report that it prints. */
export class WeirAt {
  readonly #region: Region;

  constructor(region: Region) {
    this.#region = region;
  }

  run(...argv: string[]) {
    return runCli([...argv, '--redis', this.#region.redis.url, '--prefix', this.#region.name]);
  }

  /** Of a command that does what it should. */
  async json(...argv: string[]) {
    const { code, stdout, stderr } = await this.run(...argv, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  /** The one line of a command that refuses, or finds nothing to do. */
  async refusal(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...argv, '--yes');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    return stderr;
  }
}
