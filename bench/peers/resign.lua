-- Re-signs a query with HMAC-SHA256: the least that an injecting proxy must do, written to be fast.
local hmac = require "openssl.hmac"
local byte, find, format, sub = string.byte, string.find, string.format, string.sub
local HEX_32 = string.rep("%02x", 32)
local resign = {}

-- The pairs without `signature`; nil when there is none. Not necessarily last: some SDKs sort it in.
local function without_signature(query)
  local first, last = find(query, "&signature=", 1, true)
  if not first then
    return nil
  end
  local next_pair = find(query, "&", last + 1, true)
  return sub(query, 1, first - 1) .. (next_pair and sub(query, next_pair) or "")
end

-- A function for rewrite_by_lua. The file is read once, before the worker starts.
function resign.with_secret_file(path)
  local file = assert(io.open(path, "rb"))
  local secret = file:read("*a")
  file:close()
  return function()
    local query = without_signature(ngx.var.args or "")
    if not query then
      return                                    -- unsigned call: passes as it is
    end
    local digest = hmac.new(secret, "sha256"):final(query)
    ngx.req.set_uri_args(query .. "&signature=" .. format(HEX_32, byte(digest, 1, 32)))
  end
end

return resign
