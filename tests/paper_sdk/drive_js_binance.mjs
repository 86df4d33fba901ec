// npm `binance` (tiagosiebler) against the paper exchange: streams, user data and orders over the WebSocket API, on
// spot, USD-M and COIN-M. Prints one JSON object of what it saw, and everything that the library complained about:
// its beautifier says so when it meets an event or a field that it does not know.

import { load } from '../sdk/steps.mjs';
import { finish, readJob, until } from './detour.mjs';

const { WebsocketAPIClient, WebsocketClient } = load('binance');

const job = readJob();
const complaints = [];
const complain = (...words) => complaints.push(words.map(String).join(' '));
console.log = console.warn = console.error = complain;
const logger = { trace: () => {}, info: () => {}, error: complain };
const options = {
  api_key: job.key,
  api_secret: job.secret,
  beautify: true,
  beautifyWarnIfMissing: true,
  wsOptions: { agent: job.agent },
  requestOptions: { httpsAgent: job.agent },
  attachEventListeners: false,
};

const futures = (market) => ({
  place: (api, order) => api.submitNewFuturesOrder(market, order),
  cancel: (api, order) => api.cancelFuturesOrder(market, order),
});
const MARKETS = {
  spot: {
    symbol: 'BTCUSDT',
    quantity: 0.01,
    key: 'main',
    own: ['trade', 'avgPrice', 'kline_1s'],
    place: (api, order) => api.submitNewSpotOrder(order),
    cancel: (api, order) => api.cancelSpotOrder(order),
    listen: ({ api }) => api.subscribeUserDataStream('mainWSAPI'),
  },
  usdm: {
    symbol: 'BTCUSDT',
    quantity: 0.01,
    key: 'usdm',
    own: ['markPrice@1s', 'depth5@100ms'],
    ...futures('usdm'),
    listen: ({ client }) => client.subscribeUsdFuturesUserDataStream(),
  },
  coinm: {
    symbol: 'BTCUSD_PERP',
    quantity: 10,
    key: 'coinm',
    own: ['markPrice@1s', 'depth5@100ms'],
    ...futures('coinm'),
    listen: ({ client }) => client.subscribeCoinFuturesUserDataStream(),
  },
};
const COMMON = ['aggTrade', 'bookTicker', 'miniTicker', 'ticker', 'kline_1m', 'depth@100ms'];

/** Everything that a client hears: messages as they came, and those with their fields renamed. */
function hear(client) {
  const heard = { raw: [], named: [] };
  client.on('message', (event) => heard.raw.push(event));
  client.on('formattedMessage', (event) => heard.named.push(event));
  client.on('exception', complain);
  return heard;
}

/** The streams of a symbol that came, and how many of their messages the beautifier gave a type. */
async function streams({ symbol, key, own }) {
  const client = new WebsocketClient(options, logger);
  const heard = hear(client);
  const names = [...COMMON, ...own].map((kind) => `${symbol.toLowerCase()}@${kind}`);
  await client.subscribe(names, key);
  const came = () => new Set(heard.raw.map((event) => event.streamName));
  await until(`one of ${names}`, () => names.every((name) => came().has(name)));
  client.closeAll(true);
  return { silent: names.filter((name) => !came().has(name)), named: heard.named.length > names.length };
}

/** What a user stream tells of orders that the WebSocket API places: executed, resting, cancelled. */
async function trade(market) {
  const client = new WebsocketClient(options, logger);
  const api = new WebsocketAPIClient(options, logger);
  const all = [hear(client), hear(api.getWSClient())];
  await market.listen({ api, client });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const order = () => ({ symbol: market.symbol, timestamp: Date.now() });
  const buy = () => ({ ...order(), side: 'BUY', quantity: market.quantity });
  const filled = await market.place(api, { ...buy(), type: 'MARKET' });
  const resting = await market.place(api, { ...buy(), type: 'LIMIT', timeInForce: 'GTC', price: 90000 });
  const gone = await market.cancel(api, { ...order(), orderId: resting.result.orderId });
  const raw = () => all.flatMap((heard) => heard.raw).filter((event) => event.e);
  const told = () => new Set(raw().map((event) => event.o?.X ?? event.X));
  await until('the cancel', () => told().has('CANCELED'));
  return {
    answers: [filled.status, resting.status, gone.status, gone.result.status],
    told: [...told()].filter(Boolean),
    events: [...new Set(raw().map((event) => event.e))].sort(),
  };
}

const seen = { streams: {}, trades: {} };
for (const [name, market] of Object.entries(MARKETS)) {
  seen.streams[name] = await streams(market);
  seen.trades[name] = await trade(market);
}
finish({ ...seen, complaints });
