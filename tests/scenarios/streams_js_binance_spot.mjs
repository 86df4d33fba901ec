// The official JavaScript SDK for spot, unmodified: trades, changes of the book, the ticker.

import { load, run } from './streams_job.mjs';

const { Spot } = load('@binance/spot');

await run(async ({ base, agent }, take) => {
  const settings = base ? { wsURL: base } : { agent };
  const client = new Spot({ configurationWebsocketStreams: settings });
  const connection = await client.websocketStreams.connect();
  const symbol = 'btcusdt';
  connection.trade({ symbol }).on('message', (message) => take('spot trade', message));
  connection.diffBookDepth({ symbol, updateSpeed: '100ms' }).on('message', (message) => take('spot depth', message));
  connection.ticker({ symbol }).on('message', (message) => take('spot ticker', message));
});
