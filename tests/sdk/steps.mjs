// What the JavaScript drivers share. The job and the output are those of steps.py; the folder with the SDK's
// node_modules is the driver's only argument, because a module finds packages beside its own file only.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const UNICODE_SYMBOL = '币安人生USDT';
export const SYMBOL = 'BTCUSDT';
export const UNKNOWN_ORDER = -2011;
export const MISSING_ORDER_ID = 9007199254740000; // below 2**53, so that it is sent unrounded

// Characters that SDKs encode in different ways; new in each run, see steps.py.
export const OWN_ID = `my:bot/${Date.now()}`;

export class Unexpected extends Error {}

/** The package `name` from the environment that the driver was given. */
export function load(name) {
  return createRequire(join(process.argv[2], 'package.json'))(name);
}

/** The job from standard input; `credential` is the HMAC secret or the PEM text, `caText` the CA's PEM or null, `base` null for
 *  the exchange's own addresses. */
export function readJob() {
  const given = JSON.parse(readFileSync(0, 'utf8'));
  const { secret, private_key: privateKey, ...job } = given;
  return {
    ...job,
    base: given.base ? given.base.replace(/\/+$/, '') : null,
    credential: given.kind === 'hmac' ? secret : privateKey,
    caText: given.ca ? readFileSync(given.ca) : null,
  };
}

/** The options that reach axios: the CA and the proxy, each where the job has one. */
export function networkOptions(job) {
  const options = job.caText ? { httpsAgent: new Agent({ ca: job.caText, keepAlive: true }) } : {};
  if (!job.proxy) return options;
  const { hostname, port } = new URL(job.proxy);
  return { ...options, proxy: { protocol: 'http', host: hostname, port: Number(port) } };
}

/** Throw Unexpected with `complaint` unless `holds`. */
export function expect(holds, complaint) {
  if (!holds) throw new Unexpected(complaint);
}

/** Run [name, act] pairs in order, one JSON line each; sets the exit code, stops at the first failure. */
export async function run(job, steps) {
  for (const [name, act] of steps) {
    // No exchange answers within a millisecond; without that, a query and a cancel could bear one timestamp.
    await new Promise((resolve) => setTimeout(resolve, 2));
    let line;
    try {
      line = { step: name, ok: true, ...(await act()) };
    } catch (error) {
      process.exitCode = 1;
      line = { step: name, ok: false, error: describe(error) };
    }
    const text = JSON.stringify(line, (_key, value) => (typeof value === 'bigint' ? value.toString() : value));
    process.stdout.write(withoutSecret(text, job.credential) + '\n');
    if (!line.ok && !job.keep_going) break;
  }
}

/** `class: message` of whatever an SDK throws: an Error, a bare object with code and message, or a string. */
export function describe(error) {
  const name = error instanceof Error ? error.name : typeof error;
  const code = error?.code === undefined ? '' : ` (code ${error.code})`;
  return `${name}: ${error?.message ?? String(error)}${code}`;
}

function withoutSecret(line, secret) {
  // SDKs put whole signed addresses into their errors.
  line = line.replace(/signature=[^&"\s]*/g, 'signature=[masked]');
  return line.replaceAll(secret, '[secret]').replaceAll(JSON.stringify(secret).slice(1, -1), '[secret]');
}

/** Call `act`, which must fail with the exchange's `code` as the SDK's own error; `matches` checks its class. */
export async function refused(act, matches, code) {
  try {
    await act();
  } catch (error) {
    expect(matches(error), `not the SDK's own error: ${describe(error)}`);
    expect(error.code === code, `wanted code ${code}, got ${describe(error)}`);
    return { error_class: error.constructor?.name, code, message: error.message };
  }
  throw new Unexpected(`no error where code ${code} was wanted`);
}

/** Grid of one symbol of exchangeInfo: `away(price, ratio)` and `quantity(price, smallest)` give numbers on it. */
export function sizesOf(symbol) {
  const filters = Object.fromEntries(symbol.filters.map((each) => [each.filterType, each]));
  const tick = Number(filters.PRICE_FILTER.tickSize);
  const step = Number(filters.LOT_SIZE.stepSize);
  const notional = filters.NOTIONAL ?? filters.MIN_NOTIONAL;
  const minimum = Number(notional.minNotional ?? notional.notional);
  return {
    away: (price, ratio = 0.9) => onGrid(Math.floor((price * ratio) / tick), tick),
    quantity: (price, smallest = 0) =>
      onGrid(Math.ceil(Math.max((minimum * 1.2) / (price * 0.8), smallest) / step - 1e-9), step),
  };
}

function onGrid(count, grid) {
  const decimals = Math.max(0, -Math.floor(Math.log10(grid) + 1e-9));
  return Number((count * grid).toFixed(decimals));
}

/** What matters of an order, as text. The answer to a spot cancel has the cancel's own id as clientOrderId. */
export function facts(order) {
  const ownId = order.origClientOrderId ?? order.clientOrderId;
  return { order_id: String(order.orderId), client_order_id: ownId, status: order.status };
}
