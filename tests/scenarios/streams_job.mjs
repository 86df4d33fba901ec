// What the JavaScript drivers of streams share: the job, and listening by both ways in at once. The CA comes by the
// environment, NODE_EXTRA_CA_CERTS, which `ws` obeys.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

process.env.LOG_LEVEL = 'error'; // of @binance/spot, which logs to the standard output
const job = JSON.parse(readFileSync(0, 'utf8'));

/** The package `name` from the environment that the driver was given. */
export const load = (name) => createRequire(join(process.argv[2], 'package.json'))(name);

/** Call `listen(way, take)` for each way in and print what was heard; `way` has `base` or `agent`, `take(name, message)`
 *  keeps a message. */
export async function run(listen) {
  const { HttpsProxyAgent } = load('https-proxy-agent');
  const ways = {
    A: { base: `ws://127.0.0.1:${job.port}` },
    C: { agent: new HttpsProxyAgent(`http://127.0.0.1:${job.proxy_port}`) },
  };
  const heard = { A: {}, C: {} };
  const take = (way) => (name, message) => (heard[way][name] ??= []).push(message);
  await Promise.all(Object.entries(ways).map(([name, way]) => listen(way, take(name))));
  setTimeout(() => {
    process.stdout.write(JSON.stringify(heard), () => process.exit(0));
  }, job.seconds * 1000);
}
