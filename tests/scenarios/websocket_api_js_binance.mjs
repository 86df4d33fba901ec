// The npm package `binance`, unmodified: orders by the WebSocket API. Reads the job, prints what it saw.

import { load } from '../sdk/steps.mjs';

const { WebsocketAPIClient } = load('binance');

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const job = JSON.parse(Buffer.concat(chunks).toString());
const [key] = job.keys;

const quiet = () => {};
const client = new WebsocketAPIClient(
  {
    api_key: key.key,
    api_secret: key.secret,
    wsUrl: `ws://127.0.0.1:${job.port}`,
    attachEventListeners: false,
    muteLatencyWarning: true,
  },
  { trace: quiet, info: quiet, error: (...all) => console.error(...all) },
);
client.getWSClient().on('exception', (event) => console.error(event));

const symbol = 'BTCUSDT';
const { result: ticker } = await client.getSpotSymbolPriceTicker({ symbol });
const { result: placed } = await client.submitNewSpotOrder({
  symbol,
  side: 'BUY',
  type: 'LIMIT',
  timeInForce: 'GTC',
  quantity: '0.001',
  price: (Number(ticker.price) * 0.9).toFixed(2),
  newOrderRespType: 'RESULT',
  timestamp: Date.now(),
});
const named = { symbol, orderId: placed.orderId };
const { result: found } = await client.getSpotOrderStatus({ ...named, timestamp: Date.now() });
const { result: gone } = await client.cancelSpotOrder({ ...named, timestamp: Date.now() });
console.log(JSON.stringify({ spot: [placed.status, found.status, gone.status] }));
client.disconnectAll();
setTimeout(() => process.exit(0), 100);
