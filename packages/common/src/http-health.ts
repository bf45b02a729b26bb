import type { ServerResponse } from 'node:http';
import { sendJson } from './http-answer.ts';

/** The answers of `/livez`, `/readyz` and `/healthz`: each check by its name, and whether all of them pass. */
export interface CheckResult {
  ok: boolean;
  /** A sentence for the operator, also when all is well. */
  detail: string;
}
export type Check = () => CheckResult | Promise<CheckResult>;

const CHECK_TIMEOUT_MS = 2_000;

/** `status` is spelled as InfluxDB's own health answer spells it. */
export async function sendHealth(response: ServerResponse, checks: Readonly<Record<string, Check>>): Promise<void> {
  const byName = await runChecks(checks);
  const ok = Object.values(byName).every((result) => result.ok);
  sendJson(response, ok ? 200 : 503, { status: ok ? 'pass' : 'fail', checks: byName });
}

/** Never rejects, and waits for no check longer than a probe would: one that does not answer has failed. */
export async function runChecks(checks: Readonly<Record<string, Check>>): Promise<Record<string, CheckResult>> {
  const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await run(check)]));
  return Object.fromEntries(results) as Record<string, CheckResult>;
}

async function run(check: Check): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, detail: `no answer in ${CHECK_TIMEOUT_MS} ms` }), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
