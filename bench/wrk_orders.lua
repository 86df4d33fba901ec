-- wrk script: sends each line of a file of pre-signed orders once. Arguments: -- FILE
-- File: host, API key, then one request target a line.
local next_target, tail
exhausted = 0                                   -- global: read by `done` across Lua states
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  next_target = io.lines(args[1])
  local host, key = next_target(), next_target()
  tail = " HTTP/1.1\r\nHost: " .. host .. "\r\nUser-Agent: bench\r\nAccept: */*\r\nX-MBX-APIKEY: " .. key
    .. "\r\nContent-Length: 0\r\n\r\n"
end

function request()
  local target = next_target and next_target()
  if target then
    return "POST " .. target .. tail
  end
  -- Out of orders: stop, and let what the event loop still asks for be harmless. The run counts as exhausted.
  next_target = nil
  exhausted = exhausted + 1
  wrk.thread:stop()
  return "GET /api/v3/ping" .. tail
end

function done(summary, latency, requests)
  local out_of_orders = 0
  for _, thread in ipairs(threads) do
    out_of_orders = out_of_orders + thread:get("exhausted")
  end
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"answers":%d,"duration_us":%d,"exhausted":%d,"bad_status":%d,"broken":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, out_of_orders, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
