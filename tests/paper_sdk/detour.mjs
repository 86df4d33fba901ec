// What the JavaScript drivers share: unmodified clients keep the exchange's addresses, and an agent, as for a proxy,
// brings every connection to the paper exchange. The server is judged by the name that was asked for.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { connect } from 'node:tls';

const PATIENCE_MS = 15_000;

class Detour extends Agent {
  constructor(job) {
    super({ keepAlive: true });
    this.place = { host: job.host, port: job.port, ca: readFileSync(job.ca) };
  }

  createConnection(options) {
    return connect({ ...options, path: undefined, ...this.place, servername: options.servername || options.host });
  }
}

/** The job from standard input (host, port, ca, key, secret) and the agent that goes there. */
export function readJob() {
  const job = JSON.parse(readFileSync(0, 'utf8'));
  return { ...job, agent: new Detour(job) };
}

/** Wait until `found` gives something; the last thing that was seen is in the complaint. */
export async function until(what, found) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const value = found();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never came: ${what}`);
}

/** Print the result and end: sockets and timers of a library may be open still. */
export function finish(seen) {
  process.stdout.write(JSON.stringify(seen), () => process.exit(0));
}
