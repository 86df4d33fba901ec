// npm `@binance/spot` (official) against the paper exchange: every market stream that it has, session.logon, user
// data and orders over the WebSocket API. Prints one JSON object of what it saw.

import { load } from '../sdk/steps.mjs';
import { finish, readJob, until } from './detour.mjs';

const { Spot } = load('@binance/spot');

const job = readJob();
const complaints = [];
console.log = console.info = () => {};
console.error = console.warn = (...words) => complaints.push(words.map(String).join(' '));
const client = new Spot({
  configurationWebsocketAPI: { apiKey: job.key, privateKey: job.secret, agent: job.agent },
  configurationWebsocketStreams: { agent: job.agent },
});
const SYMBOL = 'BTCUSDT';
const QUIET = ['blockTrade']; // nothing of the kind happens by itself

const STREAMS = {
  aggTrade: {},
  allMarketRollingWindowTicker: { windowSize: '1h' },
  allMiniTicker: {},
  avgPrice: {},
  blockTrade: {},
  bookTicker: {},
  diffBookDepth: { updateSpeed: '100ms' },
  kline: { interval: '1s' },
  klineOffset: { interval: '1d' },
  miniTicker: {},
  partialBookDepth: { levels: '10', updateSpeed: '100ms' },
  referencePrice: {},
  rollingWindowTicker: { windowSize: '4h' },
  ticker: {},
  trade: {},
};

/** How many messages each stream gave; waits until each that speaks has spoken. */
async function streams() {
  const connection = await client.websocketStreams.connect();
  const seen = {};
  for (const [name, more] of Object.entries(STREAMS)) {
    seen[name] = 0;
    connection[name]({ symbol: SYMBOL.toLowerCase(), ...more }).on('message', () => (seen[name] += 1));
    await new Promise((resolve) => setTimeout(resolve, 250)); // five messages a second are allowed
  }
  await until('every stream', () => Object.keys(STREAMS).every((name) => seen[name] || QUIET.includes(name)));
  await connection.disconnect();
  return seen;
}

/** Orders of a session that logged on, and what its own user stream tells of them. */
async function trade() {
  const connection = await client.websocketAPI.connect();
  const [{ data: session }] = await connection.sessionLogon(); // one for each connection of the pool
  const { stream } = await connection.userDataStreamSubscribe();
  const told = [];
  stream.on('message', (event) => told.push(event));
  const order = { symbol: SYMBOL, side: 'BUY', quantity: 0.01 };
  const filled = (await connection.orderPlace({ ...order, type: 'MARKET' })).data;
  const resting = (await connection.orderPlace({ ...order, type: 'LIMIT', timeInForce: 'GTC', price: 90000 })).data;
  const gone = (await connection.orderCancel({ symbol: SYMBOL, orderId: resting.orderId })).data;
  await until('the cancel', () => told.some((event) => event.X === 'CANCELED'));
  const { rateLimits } = await connection.accountStatus();
  await connection.disconnect();
  return {
    isLoggedOn: session.apiKey === job.key,
    statuses: [filled.status, resting.status, gone.status],
    told: [...new Set(told.map((event) => event.X).filter(Boolean))],
    events: [...new Set(told.map((event) => event.e))].sort(),
    rateLimits: rateLimits.length,
  };
}

finish({ streams: await streams(), trade: await trade(), quiet: QUIET, complaints });
