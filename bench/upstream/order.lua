-- Replies of the stand-in upstream. State lives in the one worker: how many orders came, and the last one.
local order = {}
local count, last_pairs, last_key = 0, "", ""

local function now_ms()
  return string.format("%d", ngx.now() * 1000)
end

local function answer(body)
  ngx.header.content_length = #body
  ngx.print(body)
end

-- The pairs as sent: in the query, or in a form body as the exchange also takes them.
local function pairs_sent()
  local query = ngx.var.args
  if query and ngx.var.arg_symbol then
    return query, ngx.var.arg_symbol, ngx.var.arg_newClientOrderId
  end
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  local form = ngx.decode_args(body)
  return body, form.symbol, form.newClientOrderId
end

function order.place()
  local symbol, client_order_id
  last_pairs, symbol, client_order_id = pairs_sent()
  last_key = ngx.var.http_x_mbx_apikey or ""
  count = count + 1
  local now = now_ms()
  answer('{"symbol":"' .. (symbol or "") .. '","orderId":' .. count .. ',"orderListId":-1,"clientOrderId":"'
    .. (client_order_id or "") .. '","transactTime":' .. now .. ',"price":"90000.00000000","origQty":"0.00100000",'
    .. '"executedQty":"0.00000000","origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000",'
    .. '"status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":' .. now
    .. ',"selfTradePreventionMode":"EXPIRE_MAKER"}')
end

function order.time()
  ngx.update_time()
  answer('{"serverTime":' .. now_ms() .. "}")
end

-- {count, pairs, key}: pairs as text; the keys here are thrown away with the run.
function order.seen()
  answer('{"count":' .. count .. ',"pairs":"' .. last_pairs .. '","key":"' .. last_key .. '"}')
end

return order
