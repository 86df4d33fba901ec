// The npm package `binance`, unmodified: trades, changes of the book and the ticker of both markets, on three sockets.

import { load, run } from './streams_job.mjs';

const { WebsocketClient } = load('binance');

const quiet = () => {};
const logger = { trace: quiet, info: quiet, error: (...all) => console.error(...all) };
const TOPICS = {
  main: ['btcusdt@trade', 'btcusdt@depth@100ms', 'btcusdt@ticker'],
  usdmPublic: ['btcusdt@depth@100ms'],
  usdmMarket: ['btcusdt@aggTrade', 'btcusdt@ticker'],
};
const NAMES = { depthUpdate: 'depth', '24hrTicker': 'ticker' };

await run(async ({ base, agent }, take) => {
  const client = new WebsocketClient(base ? { wsUrl: base } : { wsOptions: { agent } }, logger);
  client.on('exception', (event) => console.error(event));
  // What the library adds to a message.
  client.on('message', ({ wsKey, wsMarket, streamName, isWSAPIResponse, ...message }) => {
    take(`${wsMarket} ${NAMES[message.e] ?? message.e}`, message);
  });
  await Promise.all(Object.entries(TOPICS).map(([key, topics]) => client.subscribe(topics, key)));
});
