// Drives the official @binance/spot through one trading session; see ../steps.py for the job and the output.

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

const { Spot } = load('@binance/spot');
const { BadRequestError } = load('@binance/common');

const LIMIT = { side: 'BUY', type: 'LIMIT', timeInForce: 'GTC' };

class Session {
  constructor(job) {
    const signing = job.kind === 'hmac' ? { apiSecret: job.credential } : { privateKey: job.credential };
    const configurationRestAPI = { apiKey: job.key, timeout: 10000, ...signing, ...networkOptions(job) };
    if (job.base) configurationRestAPI.basePath = job.base;
    this.api = new Spot({ configurationRestAPI }).restAPI;
  }

  /** Call one method of the SDK and wait for its parsed answer. */
  async call(method, parameters) {
    return (await this.api[method](parameters)).data();
  }

  async sizesOf(symbol) {
    return sizesOf((await this.call('exchangeInfo', { symbol })).symbols[0]);
  }

  async start() {
    await this.call('ping');
    const { serverTime } = await this.call('time');
    const { symbols } = await this.call('exchangeInfo');
    this.price = Number((await this.call('tickerPrice', { symbol: SYMBOL })).price);
    this.sizes = await this.sizesOf(SYMBOL);
    this.quantity = this.sizes.quantity(this.price, 0.001);
    return { time: serverTime, symbols: symbols.length, price: String(this.price) };
  }

  async account() {
    const { balances } = await this.call('getAccount');
    const usdt = balances.find((each) => each.asset === 'USDT');
    expect(Number(usdt?.free) > 0, 'no USDT');
    return { USDT: usdt.free };
  }

  buy(more = {}) {
    const price = this.sizes.away(this.price);
    return this.call('newOrder', { symbol: SYMBOL, ...LIMIT, quantity: this.quantity, price, ...more });
  }

  async place() {
    this.order = await this.buy();
    expect(this.order.status === 'NEW', `placed order is ${this.order.status}`);
    return facts(this.order);
  }

  async query() {
    const found = await this.call('getOrder', { symbol: SYMBOL, orderId: this.order.orderId });
    expect(found.orderId === this.order.orderId, 'another order was found');
    expect(found.status === 'NEW', `resting order is ${found.status}`);
    return facts(found);
  }

  async openIds() {
    return (await this.call('getOpenOrders', { symbol: SYMBOL })).map((each) => each.orderId);
  }

  async openOrders() {
    const listed = await this.openIds();
    expect(listed.includes(this.order.orderId), 'the resting order is not listed');
    return { count: listed.length };
  }

  async cancel() {
    const gone = await this.call('deleteOrder', { symbol: SYMBOL, orderId: this.order.orderId });
    expect(gone.status === 'CANCELED', `cancelled order is ${gone.status}`);
    return facts(gone);
  }

  async fill() {
    const market = { symbol: SYMBOL, side: 'BUY', type: 'MARKET', quantity: this.quantity };
    this.filled = await this.call('newOrder', market);
    expect(this.filled.status === 'FILLED', `market order is ${this.filled.status}`);
    return facts(this.filled);
  }

  async trades() {
    const mine = await this.call('myTrades', { symbol: SYMBOL, orderId: this.filled.orderId });
    const total = mine.reduce((sum, each) => sum + Number(each.qty), 0);
    expect(Math.abs(total - Number(this.filled.executedQty)) < 1e-9 && total > 0, 'the fill is not among my trades');
    return { order_id: String(this.filled.orderId), trades: mine.length, amount: String(total) };
  }

  async unicodeSymbol() {
    const price = Number((await this.call('tickerPrice', { symbol: UNICODE_SYMBOL })).price);
    const sizes = await this.sizesOf(UNICODE_SYMBOL);
    const order = { symbol: UNICODE_SYMBOL, quantity: sizes.quantity(price), price: sizes.away(price) };
    const placed = await this.buy(order);
    const gone = await this.call('deleteOrder', { symbol: UNICODE_SYMBOL, orderId: placed.orderId });
    expect(gone.status === 'CANCELED', `cancelled order is ${gone.status}`);
    return facts(gone);
  }

  async ownId() {
    const placed = await this.buy({ newClientOrderId: OWN_ID });
    expect(placed.clientOrderId === OWN_ID, `client id came back as ${placed.clientOrderId}`);
    const found = await this.call('getOrder', { symbol: SYMBOL, origClientOrderId: OWN_ID });
    expect(found.orderId === placed.orderId, 'another order was found by client id');
    await this.call('deleteOrder', { symbol: SYMBOL, origClientOrderId: OWN_ID });
    return facts(found);
  }

  async cancelReplace() {
    const old = await this.buy();
    const answer = await this.call('orderCancelReplace', {
      symbol: SYMBOL,
      ...LIMIT,
      cancelReplaceMode: 'STOP_ON_FAILURE',
      cancelOrderId: old.orderId,
      quantity: this.quantity,
      price: this.sizes.away(this.price, 0.91),
    });
    const results = `${answer.cancelResult} ${answer.newOrderResult}`;
    expect(results === 'SUCCESS SUCCESS', `cancel-replace answered ${results}`);
    await this.call('deleteOrder', { symbol: SYMBOL, orderId: answer.newOrderResponse.orderId });
    return facts(answer.newOrderResponse);
  }

  /** A sell of what was bought: a limit above the market, a stop-limit below it. */
  async oco() {
    const answer = await this.call('orderListOco', {
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
    await this.call('deleteOrderList', { symbol: SYMBOL, orderListId: answer.orderListId });
    const left = (await this.openIds()).filter((id) => legs.includes(id));
    expect(left.length === 0, 'a leg of the cancelled list still rests');
    return { list_id: answer.orderListId, order_ids: legs.map(String) };
  }

  unknownCancel() {
    const act = () => this.call('deleteOrder', { symbol: SYMBOL, orderId: MISSING_ORDER_ID });
    return refused(act, (error) => error instanceof BadRequestError, UNKNOWN_ORDER);
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

const job = readJob();
await run(job, new Session(job).steps());
