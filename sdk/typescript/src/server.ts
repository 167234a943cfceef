/** The orchestrator as a client sees it: where it is, what its refusals mean, and asking until there is an answer. */

import { setTimeout as sleep } from "node:timers/promises";

import { Refused, Unreachable } from "./errors.js";

/** Where the orchestrator answers, and the token that opens it. */
export interface Server {
  readonly url: string;
  readonly token: string | undefined;
}

/** How long one POST may take in all. */
const ATTEMPT_MS = 10_000;
const TEMPORARY = new Set([408, 425, 429, 500, 502, 503, 504]);
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
const LONGEST_RETRY_AFTER_S = 300;

/** Characters of a refusal that are kept. */
const WORDS = 500;

/** What was given, else HMS_URL and HMS_TOKEN, else http://localhost:7600. */
export function serverOf(told: { url?: string | undefined; token?: string | undefined }): Server {
  const url = told.url ?? (process.env.HMS_URL || "http://localhost:7600");
  return { url: url.replace(/\/+$/, ""), token: told.token ?? (process.env.HMS_TOKEN || undefined) };
}

export function headersOf(server: Server, more: Record<string, string>): Record<string, string> {
  return { "user-agent": "hms-sdk", ...(server.token ? { authorization: `Bearer ${server.token}` } : {}), ...more };
}

/**
 * POSTs until the answer is not a temporary one; the same request may be taken twice. Throws Unreachable after
 * `patienceMs`, and whatever `signal` was aborted with.
 */
export async function ask(
  server: Server,
  path: string,
  patienceMs: number,
  body?: string,
  contentType = "application/json",
  signal?: AbortSignal,
): Promise<Response> {
  const until = Date.now() + patienceMs;
  const headers = headersOf(server, body === undefined ? {} : { "content-type": contentType });
  for (let failures = 0; ; failures += 1) {
    let why: string;
    let pause = pauseAfter(failures);
    try {
      const limit = AbortSignal.timeout(ATTEMPT_MS);
      const answer = await fetch(server.url + path, {
        method: "POST",
        headers,
        redirect: "manual",
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
        ...(body === undefined ? {} : { body }),
      });
      if (!TEMPORARY.has(answer.status)) return answer;
      why = `${answer.status} ${await wordsOf(answer)}`;
      pause = Math.max(pause, retryAfterMs(answer));
    } catch (error) {
      signal?.throwIfAborted();
      why = noAnswer(error);
    }
    if (Date.now() + pause > until) throw new Unreachable(`${server.url}: ${why}; HMS_URL says where to look`);
    await sleep(pause, undefined, signal ? { signal } : {});
  }
}

/** Milliseconds to wait after one more than so many failures in a row: doubling, with chance in it. */
export function pauseAfter(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures, 20), LONGEST_PAUSE_MS) * (0.8 + 0.4 * Math.random());
}

/** What an answer asks for. */
export function retryAfterMs(answer: Response): number {
  const told = answer.headers.get("retry-after") ?? "";
  return /^[0-9]{1,9}$/.test(told) ? Math.min(Number(told), LONGEST_RETRY_AFTER_S) * 1_000 : 0;
}

/** A definite no as an error. */
export async function refusal(answer: Response): Promise<Refused> {
  return new Refused(answer.status, await wordsOf(answer));
}

/** What a problem document says, else the name of the status. Reads the body to its end. */
export async function wordsOf(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => "");
  try {
    const problem = JSON.parse(text);
    const told = [problem.title, problem.detail, problem.hint].filter((word) => typeof word === "string" && word);
    return told.join(": ").slice(0, WORDS) || answer.statusText;
  } catch {
    return answer.statusText;
  }
}

/** Why nothing came: fetch hides it behind its own error. */
export function noAnswer(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: unknown }).code;
  return `no answer (${cause instanceof Error ? cause.message || String(code ?? cause.name) : String(cause)})`;
}
