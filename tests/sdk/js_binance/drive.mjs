// Drives the npm package `binance` (tiagosiebler) through one trading session; see ../steps.py for the job and
// the output. Its errors are bare objects with `code` and `message`, not instances of a class.

import {
  MISSING_ORDER_ID,
  OWN_ID,
  SYMBOL,
  UNICODE_SYMBOL,
  UNKNOWN_ORDER,
  expect,
  facts,
  load,
  networkOptions,
  readJob,
  refused,
  run,
  sizesOf,
} from '../steps.mjs';

const { MainClient, USDMClient } = load('binance');

const LIMIT = { symbol: SYMBOL, side: 'BUY', type: 'LIMIT', timeInForce: 'GTC' };

class Session {
  constructor(job, Client, smallest) {
    const options = { api_key: job.key, api_secret: job.credential, keepAlive: true };
    if (job.base) options.baseUrl = job.base;
    this.api = new Client(options, networkOptions(job));
    this.smallest = smallest;
    this.keepsAddresses = !job.base;
  }

  async learn() {
    const { symbols } = await this.api.getExchangeInfo();
    this.symbols = Object.fromEntries(symbols.map((each) => [each.symbol, each]));
    this.price = Number((await this.api.getSymbolPriceTicker({ symbol: SYMBOL })).price);
    this.sizes = sizesOf(this.symbols[SYMBOL]);
    this.quantity = this.sizes.quantity(this.price, this.smallest);
    return { symbols: symbols.length, price: String(this.price) };
  }

  buy(more = {}) {
    const price = this.sizes.away(this.price);
    return this.api.submitNewOrder({
      ...LIMIT,
      quantity: this.quantity,
      price,
      newOrderRespType: 'RESULT',
      ...more,
    });
  }

  async place() {
    this.order = await this.buy();
    expect(this.order.status === 'NEW', `placed order is ${this.order.status}`);
    return facts(this.order);
  }

  async query() {
    const found = await this.api.getOrder({ symbol: SYMBOL, orderId: this.order.orderId });
    expect(found.orderId === this.order.orderId, 'another order was found');
    expect(found.status === 'NEW', `resting order is ${found.status}`);
    return facts(found);
  }

  async openOrders() {
    const listed = await this.openIds();
    expect(listed.includes(this.order.orderId), 'the resting order is not listed');
    return { count: listed.length };
  }

  async cancel() {
    const gone = await this.api.cancelOrder({ symbol: SYMBOL, orderId: this.order.orderId });
    expect(gone.status === 'CANCELED', `cancelled order is ${gone.status}`);
    return facts(gone);
  }

  async ownId() {
    const placed = await this.buy({ newClientOrderId: OWN_ID });
    expect(placed.clientOrderId === OWN_ID, `client id came back as ${placed.clientOrderId}`);
    const found = await this.api.getOrder({ symbol: SYMBOL, origClientOrderId: OWN_ID });
    expect(found.orderId === placed.orderId, 'another order was found by client id');
    await this.api.cancelOrder({ symbol: SYMBOL, origClientOrderId: OWN_ID });
    return facts(found);
  }

  async trades() {
    const mine = await this.tradesOf(this.filled.orderId);
    const total = mine.reduce((sum, each) => sum + Number(each.qty), 0);
    expect(Math.abs(total - Number(this.filled.executedQty)) < 1e-9 && total > 0, 'the fill is not among my trades');
    return { order_id: String(this.filled.orderId), trades: mine.length, amount: String(total) };
  }

  unknownCancel() {
    const act = () => this.api.cancelOrder({ symbol: SYMBOL, orderId: MISSING_ORDER_ID });
    return refused(act, (error) => error?.body !== undefined && error?.headers !== undefined, UNKNOWN_ORDER);
  }
}

class SpotSession extends Session {
  constructor(job) {
    super(job, MainClient, 0.001);
  }

  async start() {
    await this.api.testConnectivity();
    // This client asks the public exchange for the time, whatever its baseUrl: fine where that is us.
    const time = this.keepsAddresses ? await this.api.getServerTime() : undefined;
    return { time, ...(await this.learn()) };
  }

  async account() {
    const { balances } = await this.api.getAccountInformation();
    const usdt = balances.find((each) => each.asset === 'USDT');
    expect(Number(usdt?.free) > 0, 'no USDT');
    return { USDT: usdt.free };
  }

  async openIds() {
    return (await this.api.getOpenOrders({ symbol: SYMBOL })).map((each) => each.orderId);
  }

  tradesOf(orderId) {
    return this.api.getAccountTradeList({ symbol: SYMBOL, orderId });
  }

  async fill() {
    const market = { symbol: SYMBOL, side: 'BUY', type: 'MARKET', quantity: this.quantity };
    this.filled = await this.api.submitNewOrder({ ...market, newOrderRespType: 'FULL' });
    expect(this.filled.status === 'FILLED' && this.filled.fills.length, `market order is ${this.filled.status}`);
    return facts(this.filled);
  }

  async unicodeSymbol() {
    const price = Number((await this.api.getSymbolPriceTicker({ symbol: UNICODE_SYMBOL })).price);
    const sizes = sizesOf(this.symbols[UNICODE_SYMBOL]);
    const order = { symbol: UNICODE_SYMBOL, quantity: sizes.quantity(price), price: sizes.away(price) };
    const placed = await this.buy(order);
    const gone = await this.api.cancelOrder({ symbol: UNICODE_SYMBOL, orderId: placed.orderId });
    expect(gone.status === 'CANCELED', `cancelled order is ${gone.status}`);
    return facts(gone);
  }

  async cancelReplace() {
    const old = await this.buy();
    const answer = await this.api.replaceOrder({
      ...LIMIT,
      cancelReplaceMode: 'STOP_ON_FAILURE',
      cancelOrderId: old.orderId,
      quantity: this.quantity,
      price: this.sizes.away(this.price, 0.91),
    });
    const results = `${answer.cancelResult} ${answer.newOrderResult}`;
    expect(results === 'SUCCESS SUCCESS', `cancel-replace answered ${results}`);
    await this.api.cancelOrder({ symbol: SYMBOL, orderId: answer.newOrderResponse.orderId });
    return facts(answer.newOrderResponse);
  }

  /** A sell of what was bought: a limit above the market, a stop-limit below it. */
  async oco() {
    const answer = await this.api.submitNewOrderList({
      symbol: SYMBOL,
      side: 'SELL',
      quantity: Number(this.filled.executedQty),
      aboveType: 'LIMIT_MAKER',
      abovePrice: this.sizes.away(this.price, 1.1),
      belowType: 'STOP_LOSS_LIMIT',
      belowStopPrice: this.sizes.away(this.price, 0.92),
      belowPrice: this.sizes.away(this.price, 0.91),
      belowTimeInForce: 'GTC',
    });
    const legs = answer.orders.map((each) => each.orderId);
    expect(legs.length === 2, `${legs.length} legs`);
    await this.api.cancelOCO({ symbol: SYMBOL, orderListId: answer.orderListId });
    const left = (await this.openIds()).filter((id) => legs.includes(id));
    expect(left.length === 0, 'a leg of the cancelled list still rests');
    return { list_id: answer.orderListId, order_ids: legs.map(String) };
  }

  steps() {
    return [
      ['start', () => this.start()],
      ['account', () => this.account()],
      ['place', () => this.place()],
      ['query', () => this.query()],
      ['open_orders', () => this.openOrders()],
      ['cancel', () => this.cancel()],
      ['fill', () => this.fill()],
      ['trades', () => this.trades()],
      ['unicode_symbol', () => this.unicodeSymbol()],
      ['own_id', () => this.ownId()],
      ['cancel_replace', () => this.cancelReplace()],
      ['oco', () => this.oco()],
      ['unknown_cancel', () => this.unknownCancel()],
    ];
  }
}

class UsdmSession extends Session {
  constructor(job) {
    super(job, USDMClient, 0.002);
  }

  async start() {
    await this.api.testConnectivity();
    const time = await this.api.getServerTime();
    return { time, ...(await this.learn()) };
  }

  async account() {
    const usdt = (await this.api.getBalanceV3()).find((each) => each.asset === 'USDT');
    expect(Number(usdt?.balance) > 0, 'no USDT');
    const { totalWalletBalance } = await this.api.getAccountInformationV3();
    return { USDT: usdt.balance, wallet: totalWalletBalance };
  }

  async leverage() {
    const answer = await this.api.setLeverage({ symbol: SYMBOL, leverage: 5 });
    expect(answer.leverage === 5, `leverage is ${answer.leverage}`);
    return { leverage: answer.leverage };
  }

  async openIds() {
    return (await this.api.getAllOpenOrders({ symbol: SYMBOL })).map((each) => each.orderId);
  }

  tradesOf(orderId) {
    return this.api.getAccountTrades({ symbol: SYMBOL, orderId });
  }

  async market(side, more = {}) {
    const order = { symbol: SYMBOL, side, type: 'MARKET', quantity: this.quantity, newOrderRespType: 'RESULT' };
    const done = await this.api.submitNewOrder({ ...order, ...more });
    expect(done.status === 'FILLED', `market order is ${done.status}`);
    return done;
  }

  async open() {
    this.filled = await this.market('BUY');
    return facts(this.filled);
  }

  async size() {
    const held = await this.api.getPositionsV3({ symbol: SYMBOL });
    return held.reduce((sum, each) => sum + Number(each.positionAmt), 0);
  }

  async position() {
    const contracts = await this.size();
    expect(contracts >= Number(this.filled.executedQty) - 1e-9, 'the position is not there');
    return { contracts: String(contracts) };
  }

  async close() {
    return facts(await this.market('SELL', { reduceOnly: 'true' }));
  }

  async flat() {
    const contracts = await this.size();
    expect(contracts === 0, `${contracts} still held`);
    return { contracts: String(contracts) };
  }

  async batch() {
    const wanted = [0.9, 0.89].map((ratio) => ({
      ...LIMIT,
      quantity: String(this.quantity),
      price: String(this.sizes.away(this.price, ratio)),
    }));
    const placed = await this.api.submitMultipleOrders(wanted);
    const ids = placed.map((each) => each.orderId);
    const gone = await this.api.cancelMultipleOrders({ symbol: SYMBOL, orderIdList: ids });
    const statuses = gone.map((each) => each.status).join(' ');
    expect(statuses === 'CANCELED CANCELED', `the batch was not cancelled: ${statuses}`);
    return { order_ids: ids.map(String) };
  }

  steps() {
    return [
      ['start', () => this.start()],
      ['account', () => this.account()],
      ['leverage', () => this.leverage()],
      ['place', () => this.place()],
      ['query', () => this.query()],
      ['open_orders', () => this.openOrders()],
      ['cancel', () => this.cancel()],
      ['open', () => this.open()],
      ['position', () => this.position()],
      ['close', () => this.close()],
      ['flat', () => this.flat()],
      ['trades', () => this.trades()],
      ['batch', () => this.batch()],
      ['own_id', () => this.ownId()],
      ['unknown_cancel', () => this.unknownCancel()],
    ];
  }
}

const job = readJob();
// The SDK comments on foreign client order ids; standard output belongs to the step lines.
for (const name of ['log', 'info', 'warn']) console[name] = console.error;
await run(job, (job.market === 'spot' ? new SpotSession(job) : new UsdmSession(job)).steps());
