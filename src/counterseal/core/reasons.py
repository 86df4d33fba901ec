"""Every refusal of the gateway: its code, what the bot gets, what it means and the way out.

The bot gets the exchange's own error shape with a code that SDKs know; where the exchange has a text that SDKs match
on, it is that text. The reference page is generated from this table.
"""

from dataclasses import dataclass

ILLEGAL = -1100
UNSUPPORTED = -1020
UNAUTHORIZED = -1002
NEW_ORDER_REJECTED = -2010


@dataclass(frozen=True, slots=True)
class Reason:
    """One refusal. `message` is what the bot reads, `meaning` and `remedy` what the operator reads.

    `closes` tells that the connection cannot be trusted for another request. A `%s` in the message stands for a moment,
    in milliseconds of exchange time.
    """

    code: str
    status: int
    exchange_code: int
    message: str
    meaning: str
    remedy: str
    closes: bool = False


def _wire(code: str, message: str, meaning: str, remedy: str, status: int = 400) -> Reason:
    return Reason(code, status, ILLEGAL, message, meaning, remedy, closes=True)


def _right(code: str, message: str, meaning: str, remedy: str) -> Reason:
    return Reason(code, 403, UNAUTHORIZED, message, meaning, remedy)


def _order(code: str, message: str, meaning: str, remedy: str) -> Reason:
    return Reason(code, 400, NEW_ORDER_REJECTED, message, meaning, remedy)


def _value(code: str, message: str, meaning: str, remedy: str, exchange_code: int = ILLEGAL) -> Reason:
    return Reason(code, 400, exchange_code, message, meaning, remedy)


_REASONS = (
    # -- the bytes
    _wire(
        "malformed_request_line",
        "Request line is malformed.",
        "not `METHOD /target HTTP/1.1` followed by CRLF",
        "send one of GET, POST, PUT, DELETE, an origin-form target and HTTP/1.1",
    ),
    _wire(
        "malformed_header",
        "Header is malformed.",
        "a header line is no `name: value` of plain ASCII, is folded, or Host is missing",
        "send each header on one line",
    ),
    _wire(
        "repeated_header",
        "Header appears twice.",
        "a header that must be unique was sent twice",
        "send Host, Content-Length, Content-Type and X-MBX-* once",
    ),
    _wire(
        "unknown_method",
        "Method is not supported.",
        "a method other than GET, POST, PUT, DELETE",
        "use the method of the exchange's documentation",
        405,
    ),
    _wire(
        "transfer_encoding",
        "Transfer-Encoding is not supported.",
        "a chunked body is the classic way to smuggle a request",
        "send Content-Length",
    ),
    _wire(
        "expectation",
        "Expect is not supported.",
        "`Expect: 100-continue` splits a request in two",
        "send the body at once",
        417,
    ),
    _wire(
        "malformed_content_length",
        "Content-Length is malformed.",
        "not a canonical decimal number",
        "send one number without sign or leading zero",
    ),
    _wire(
        "body_too_large", "Body is larger than 64 KiB.", "no order is that large", "send fewer orders in a batch", 413
    ),
    _wire(
        "head_too_large",
        "Request head is larger than 16 KiB.",
        "too many or too long headers, or too long a query",
        "send parameters in the body, fewer symbols in a list",
        431,
    ),
    _wire(
        "body_on_get",
        "GET has a body.",
        "a body on GET is read by some and skipped by others",
        "send parameters in the query",
    ),
    _wire(
        "header_timeout",
        "Request was not complete in time.",
        "the head took longer than 5 s or the body longer than 10 s",
        "send the request at once",
        408,
    ),
    Reason(
        "too_many_connections",
        429,
        -1003,
        "Too many requests queued.",
        "more connections from one address than max_connections_per_source",
        "reuse connections, or raise gateway.max_connections_per_source",
        closes=True,
    ),
    # -- the ways in under the exchange's own names
    _wire(
        "connect_only",
        "This port takes CONNECT only.",
        "a plain request, or one with a whole URL, on the proxy's port: the proxy carries TLS to the exchange's hosts",
        "use the https and wss addresses of the exchange, or the plain base URL of listen.address",
        405,
    ),
    _wire(
        "connect_target_refused",
        "Proxy target is not allowed.",
        "CONNECT to a host or port that is not the exchange's in this environment; nothing was connected",
        "set the proxy for the exchange's addresses only; bots and venue.environment must mean the same environment",
        403,
    ),
    _wire(
        "tls_expected",
        "TLS was expected, plain bytes came.",
        "a request without TLS on a TLS port or inside a tunnel",
        "use https and wss; a plain base URL belongs to listen.address",
    ),
    _wire(
        "ca_not_trusted",
        "TLS handshake failed.",
        "the client refused the certificate, mostly because it does not trust the CA (it saw a TLS alert, no answer)",
        "give the bot the file of `counterseal ca export`; see docs/how-to/without-changing-urls.md",
    ),
    _wire(
        "tls_failed",
        "TLS handshake failed.",
        "the TLS handshake broke off, took longer than 5 s or was below TLS 1.2 (the client saw a TLS alert at most)",
        "use TLS 1.2 or 1.3; look at the client's own error",
    ),
    _wire(
        "server_name_mismatch",
        "TLS server name is not allowed.",
        "the TLS server name is missing, no host of the exchange in this environment, or not the one of the CONNECT",
        "connect by host name, not by address, and let the client send its server name",
    ),
    # -- which request
    _right(
        "host_mismatch",
        "Host header is not allowed.",
        "the Host header names another host than the connection (by CONNECT or by TLS server name)",
        "let the client set Host by itself",
    ),
    _right(
        "host_not_allowed",
        "Host header is not allowed.",
        "the Host header is neither the listener's address nor in listen.hosts (protects against DNS rebinding)",
        "use the printed base URL, or add the name to listen.hosts",
    ),
    _right(
        "cross_site",
        "Cross-site requests are refused.",
        "a web page tried to spend the account's weight",
        "bots are no browsers: do not send Sec-Fetch-Site",
    ),
    Reason(
        "unknown_endpoint",
        404,
        UNSUPPORTED,
        "This operation is not supported.",
        "this method and path, byte for byte, are not in the catalogue",
        "check path and method with the exchange's documentation",
    ),
    Reason(
        "endpoint_refused",
        403,
        UNAUTHORIZED,
        "You are not authorized to execute this request.",
        "withdrawals, transfers, keys, borrowing, conversions and the like are in nobody's table and have no switch",
        "do this at the exchange, by hand",
    ),
    Reason(
        "stream_not_available",
        403,
        UNAUTHORIZED,
        "You are not authorized to execute this request.",
        "listen keys of margin, portfolio margin and options; the gateway carries user data of spot, USD-M and COIN-M",
        "poll by REST",
    ),
    Reason(
        "websocket_not_available",
        501,
        UNSUPPORTED,
        "This operation is not supported.",
        "portfolio margin's streams, SBE, and user data in microseconds, which the gateway does not carry",
        "use REST",
    ),
    _wire(
        "websocket_handshake",
        "WebSocket handshake is malformed.",
        "not GET with `Upgrade: websocket`, `Connection: Upgrade`, version 13 and a key of 16 bytes",
        "use a WebSocket library",
    ),
    _value(
        "stream_path_unknown",
        "Invalid path or parameter.",
        "no address of streams: it is /ws, /ws/NAME or /stream?streams=NAME/NAME, on USD-M below /public, /market or"
        " /private too",
        "use the addresses of the exchange's documentation",
    ),
    _value(
        "stream_unknown",
        "Invalid stream name.",
        "a name that is no documented market stream of this market, a symbol in upper case, or a listen key that is"
        " dead, of another market, or was not made here; nothing of it leaves",
        "ask for a new listen key; for names see docs/topics/streams.md",
    ),
    _value(
        "too_many_streams",
        "Too many streams.",
        "more than 1,024 streams in the address of a connection",
        "use fewer streams, or streams of all symbols",
    ),
    # -- the WebSocket API
    _value(
        "ws_frame_malformed",
        "Invalid JSON Request.",
        "not one strict JSON object with a method: a key twice, a number that is none, more than eight levels or 64 KiB"
        " (ten of these in a row end the connection)",
        "send one JSON document in each message",
        -1135,
    ),
    _value(
        "ws_id_malformed",
        "Illegal characters found in parameter 'id'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
        "the id is no 64-bit integer, no text of at most 36 characters and not null",
        "send an id of the exchange's form",
    ),
    _value(
        "ws_params_malformed",
        "JSON sent for parameter 'params' is not valid.",
        "`params` is no object, a name in it is no word, a value is null or has a control character in it",
        "leave out what has no value",
        -1135,
    ),
    _value(
        "ws_method_unknown",
        "This operation is not supported.",
        "no method of this market's WebSocket API",
        "see docs/topics/websocket-api.md",
        UNSUPPORTED,
    ),
    Reason(
        "ws_too_many_in_flight",
        429,
        -1003,
        "Too many requests queued.",
        "32 requests of this connection wait for answers; 40 where it is an order, 48 where it is an exit",
        "wait for answers, or use another connection",
    ),
    _value(
        "ws_session_key_kind",
        "This operation is not supported.",
        "session.logon with a credential that is not Ed25519; the exchange takes no other either",
        "mint an Ed25519 credential, or sign each request",
        UNSUPPORTED,
    ),
    Reason(
        "endpoint_not_typed",
        403,
        UNSUPPORTED,
        "This operation is not supported.",
        "a trade or settings endpoint whose parameters have no types yet cannot be judged, so it is not signed",
        "use one of the endpoints of docs/reference/endpoints.md",
    ),
    # -- who
    Reason(
        "credential_or_signature",
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
        "the credential is unknown or revoked, or the signature does not match (one answer, so that nobody can probe)",
        "check key and secret with `counterseal bot list`; mint a new credential",
    ),
    Reason(
        "credential_expired",
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
        "the credential is past its expiry",
        "mint a new one",
    ),
    Reason(
        "source_not_allowed",
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
        "the client's address is not one that the credential or the bot is bound to",
        "mint with --source, or extend the bot's sources",
    ),
    Reason(
        "source_not_bound",
        401,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
        "a listen key's call carries no signature, so from another host it counts only where the credential or the bot "
        "is bound to addresses",
        "mint with --source, or set the bot's sources",
    ),
    Reason(
        "outside_hours",
        403,
        -2015,
        "Invalid API-key, IP, or permissions for action.",
        "outside the hours of the credential or of the bot (UTC)",
        "change hours in counterseal.toml and reload",
    ),
    Reason(
        "credential_missing",
        401,
        -2014,
        "API-key format invalid.",
        "a request for more than public data came without X-MBX-APIKEY",
        "set the virtual credential in the SDK",
    ),
    Reason(
        "anonymous_not_allowed",
        401,
        -2014,
        "API-key format invalid.",
        "public data without a credential is served to this host only",
        "send the virtual credential",
    ),
    Reason(
        "signature_missing",
        400,
        -1102,
        "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
        "a signed endpoint without a signature",
        "use the SDK's signed call",
    ),
    # -- when
    Reason(
        "timestamp_missing",
        400,
        -1102,
        "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
        "a signed endpoint without a whole number as timestamp",
        "send milliseconds since the epoch",
    ),
    Reason(
        "timestamp_outside_window",
        400,
        -1021,
        "Timestamp for this request is outside of the recvWindow.",
        "more than min(recvWindow, 5 s) away from exchange time",
        "synchronise the bot's clock; /time through the gateway gives exchange time",
    ),
    Reason(
        "recv_window_malformed",
        400,
        -1131,
        "recvWindow must be less than 60000.",
        "recvWindow is no number from 0 to 60000",
        "send milliseconds",
    ),
    Reason(
        "clock_uncertain",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "exchange time has not been measured or too long ago, so nothing can be signed; nothing was sent",
        "see `counterseal status`; the gateway measures again by itself",
    ),
    Reason(
        "replayed",
        400,
        NEW_ORDER_REJECTED,
        # Not -1021: that says "never executed", and clients sign anew and send again on it.
        "Duplicate order sent.",
        "a signed payload that was already seen on some path came again for a request that changes something; the first"
        " one may have been executed",
        "query what became of the first one; sign each request anew and give every order an id of its own",
    ),
    # -- what
    _value(
        "malformed_parameter",
        "Illegal characters found in a parameter.",
        "not `name=value` pairs in clean percent-encoded UTF-8",
        "let the SDK encode parameters",
    ),
    _value(
        "repeated_parameter",
        "Illegal characters found in a parameter.",
        "a name appears twice, in the query, the body or both: the exchange might read the other one",
        "send each name once",
    ),
    _value(
        "unknown_parameter",
        "Too many parameters; expected fewer.",
        "the name is not in this endpoint's schema, byte for byte",
        "check spelling and case with the exchange's documentation",
        -1101,
    ),
    _value(
        "client_id_reserved",
        "Illegal characters found in a parameter.",
        "a new client order id begins as those of the exchange's own orders do (`autoclose-`, `adl_autoclose`,"
        " `settlement_autoclose-`, `delivery_autoclose-`): a liquidation would pass for the bot's order",
        "choose another id",
    ),
    _value(
        "mandatory_parameter",
        "Mandatory parameter was not sent, was empty/null, or malformed.",
        "a parameter that the endpoint demands is missing, or an order states no size that could be judged",
        "send it",
        -1102,
    ),
    _value(
        "malformed_number",
        "Illegal characters found in a parameter.",
        "a number is not plain ASCII digits with at most one dot: no sign, exponent, spaces or underscores",
        "send 0.001, not 1e-3",
    ),
    _value(
        "malformed_value",
        "Illegal characters found in a parameter.",
        "a value is not of the kind its parameter holds",
        "see the exchange's documentation of the parameter",
    ),
    _value(
        "unknown_symbol",
        "Invalid symbol.",
        "the symbol is not, byte for byte, in the exchange's list",
        "check case and spelling",
        -1121,
    ),
    _value(
        "payload_too_large",
        "Illegal characters found in a parameter.",
        "the parameters have more than 16,000 bytes as sent, or would have more than 8,000 as rebuilt",
        "send fewer orders or symbols at once",
    ),
    # -- policy
    _right(
        "product_not_allowed",
        "You are not authorized to execute this request.",
        "the product is not in the bot's products",
        "add it in counterseal.toml and reload",
    ),
    _right(
        "purpose_not_allowed",
        "You are not authorized to execute this request.",
        "read, account, trade or settings is not among the bot's purposes",
        "add it in counterseal.toml and reload",
    ),
    _right(
        "no_key",
        "You are not authorized to execute this request.",
        "none of the bot's exchange keys has the function, or the signer does not hold it",
        "add a key with that function, `counterseal key list`",
    ),
    _right(
        "symbol_not_allowed",
        "You are not authorized to execute this request.",
        "the symbol is not among the bot's symbols",
        "add it in counterseal.toml and reload",
    ),
    _right(
        "all_symbols_not_allowed",
        "You are not authorized to execute this request.",
        "a change without a symbol would reach every symbol, and this bot is not allowed all of them",
        "send the symbol",
    ),
    Reason(
        "foreign_order",
        400,
        -2013,
        "Order does not exist.",
        "the order is another bot's; this bot is answered as if there were none",
        "use the bot that placed it, or give this one sees_account",
    ),
    Reason(
        "foreign_order_change",
        400,
        -2011,
        "Unknown order sent.",
        "a cancel or amendment names an order of another bot; nothing was sent, of a batch no leg",
        "use the bot that placed it, or give this one sees_account",
    ),
    _right(
        "account_right_missing",
        "You are not authorized to execute this request.",
        "several bots trade on the account, and the answer would show positions or what all of them did",
        "give the bot sees_account, or an account of its own; balances, and its own orders and trades, it may read",
    ),
    _order(
        "bot_disabled",
        "Order denied by the gateway: the bot is disabled because it repeated one order too often.",
        "the bot placed max_repeats equal orders within repeat_window_s; exits go on, over restarts too",
        "find out why it repeats itself, then `counterseal bot enable NAME --operator WHO`",
    ),
    _order(
        "notional_over_limit",
        "Order denied by the gateway: notional is over the bot's limit.",
        "price times quantity in US dollars exceeds max_order_notional",
        "send a smaller order, or raise the limit",
    ),
    _order(
        "exposure_bot",
        "Order denied by the gateway: exposure would be over the bot's limit.",
        "what the bot holds and has open, this order included, would exceed max_exposure of the bot",
        "cancel or reduce something, or raise the limit; `counterseal limits` shows the sums",
    ),
    _order(
        "exposure_symbol",
        "Order denied by the gateway: exposure would be over the symbol's limit.",
        "what all bots of the account hold and have open in the symbol would exceed max_symbol_exposure of the account",
        "cancel or reduce something, or raise the limit; `counterseal limits` shows the sums",
    ),
    _order(
        "exposure_account",
        "Order denied by the gateway: exposure would be over the account's limit.",
        "what all bots of the account hold and have open would exceed max_exposure of the account",
        "cancel or reduce something, or raise the limit; `counterseal limits` shows the sums",
    ),
    _order(
        "exposure_unpriced",
        "Order denied by the gateway: exposure is limited and a price is unknown or old.",
        "the order, or something else under the same limit, has no price younger than 5 s",
        "wait; when it lasts, see the gateway's log for what cannot be read",
    ),
    _order(
        "user_stream_gap",
        "Order denied by the gateway: exposure is limited and events of the account are missing.",
        "the account's stream of orders and fills was lost; as soon as it stands again, what it missed is read; exits "
        "go on",
        "wait; when it lasts, see user_data in: counterseal status",
    ),
    _order(
        "exposure_unread",
        "Order denied by the gateway: exposure is limited and has not been read yet.",
        "after a start or a new limit the journal and the exchange's positions are read first, and positions must be "
        "younger than 30 s; exits go on",
        "wait; when it lasts, see the gateway's log for what cannot be read",
    ),
    _order(
        "quantity_over_limit",
        "Order denied by the gateway: quantity is over the bot's limit.",
        "the quantity exceeds max_order_quantity (quoteOrderQty counts at the last price)",
        "send a smaller order, or raise the limit",
    ),
    _order(
        "price_outside_collar",
        "Order denied by the gateway: price is outside the bot's collar.",
        "a price is further than price_collar_percent from the last price, or from the trigger it waits for",
        "check the price, or widen the collar",
    ),
    _order(
        "price_unknown",
        "Order denied by the gateway: no fresh price to judge the order by.",
        "the last price is older than 5 s or missing, or the quote asset has no price in dollars, and a limit needs it",
        "try again; see `counterseal status`",
    ),
    _order(
        "rules_stale",
        "Order denied by the gateway: the exchange's symbol rules are not fresh.",
        "exchangeInfo is older than 24 h or was never read, so the symbol cannot be judged",
        "see `counterseal status`",
    ),
    _order(
        "symbol_closed",
        "Market is closed.",
        "the exchange lists the symbol as not trading or cancel-only",
        "cancels still work",
    ),
    _right(
        "leverage_over_cap",
        "Leverage is over the bot's cap.",
        "leverage exceeds max_leverage, or the bot has none",
        "set max_leverage in counterseal.toml",
    ),
    _right(
        "setting_raises_risk",
        "You are not authorized to execute this request.",
        "settings only lower risk: margin goes to isolated or is added, multi-assets and hedge mode go off",
        "do this at the exchange, by hand",
    ),
    # -- orders already seen
    _order(
        "duplicate_client_order_id",
        "Duplicate order sent.",
        "this client order id was used before, by this bot for another order or by another bot",
        "use a new id for every order",
    ),
    Reason(
        "duplicate_client_order_id_futures",
        400,
        -4116,
        "ClientOrderId is duplicated.",
        "as duplicate_client_order_id, in the words of the futures exchange",
        "use a new id for every order",
    ),
    # -- orders that nobody knows the fate of
    _order(
        "symbol_has_unknown_orders",
        "Order denied by the gateway: the outcome of other orders of this symbol is unknown.",
        "three orders of the symbol are UNKNOWN; exits go on, and this ends when they are resolved",
        "wait; `counterseal status` counts them, docs/topics/never-twice.md tells how they are resolved",
    ),
    _order(
        "account_has_unknown_orders",
        "Order denied by the gateway: the outcome of too many orders is unknown.",
        "ten orders of the account are UNKNOWN; exits go on, and this ends when they are resolved",
        "wait; `counterseal status` counts them",
    ),
    _order(
        "symbol_unresolved",
        "Order denied by the gateway: an order of this symbol could not be resolved.",
        "an order of the symbol has been UNKNOWN for 60 s; exits go on, and this ends when it is resolved",
        "look for the order at the exchange; see the critical line in the gateway's log",
    ),
    _order(
        "account_not_reconciled",
        "Order denied by the gateway: the account has not been compared with the exchange yet.",
        "the machine was started anew, and the journal may lack orders that left just before; exits go on, and this "
        "ends when the exchange's lists of orders and trades have been read",
        "wait; when it lasts, see the gateway's log for what cannot be read",
    ),
    # -- the exchange's limits and our own state
    Reason(
        "venue_backoff",
        429,
        -1003,
        "Too many requests queued.",
        "the exchange answered 429 and its Retry-After is not over; nothing is sent",
        "wait for Retry-After",
    ),
    Reason(
        "venue_ban",
        418,
        -1003,
        "Way too much request weight used; IP banned until %s. Please use WebSocket Streams for live updates to avoid"
        " bans.",
        "the exchange answered 418: this address is banned until Retry-After is over",
        "wait; find out with `counterseal limits` who spent it",
    ),
    Reason(
        "venue_unreachable",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "no connection to the exchange could be made; nothing was sent",
        "try again; see `counterseal status`",
    ),
    Reason(
        "signer_unavailable",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the signer did not answer in time; nothing was sent",
        "try again; the supervisor restarts it by itself",
    ),
    Reason(
        "signer_refused",
        403,
        UNAUTHORIZED,
        "You are not authorized to execute this request.",
        "the signer's own table does not allow what the gateway asked for",
        "see the journal for its reason",
    ),
    Reason(
        "journal_unavailable",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the intent could not be written, so nothing was sent",
        "free the disk, then restart the gateway",
    ),
    Reason(
        "witness_unreachable",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the journal's witness has kept no checkpoint for ten minutes or 10,000 records; only exits are sent",
        "bring the witness's storage back; it opens by itself with the next checkpoint",
    ),
    Reason(
        "journal_slow",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "a sync of the journal has taken longer than a second; only exits are sent",
        "see what holds up the disk; it opens by itself 10 s after the journal is quick again",
    ),
    Reason(
        "journal_lost",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "neither the journal nor its reserve can be written; only exits are sent, recorded in memory and on standard "
        "error",
        "free or replace the disk, then restart the gateway",
    ),
    Reason(
        "replay_marks_lost",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the marks of payloads already seen cannot be written, so that a restart would forget them; only exits are "
        "sent",
        "free the disk that holds the folder run; it opens by itself 10 s after they can be written",
    ),
    Reason(
        "disk_nearly_full",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the disk of the journal is more than 95 % full; exits are sent, orders and signed reads are not",
        "free the disk; it opens by itself 10 s later",
    ),
    Reason(
        "memory_nearly_full",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the gateway uses more than 80 % of the memory that it may; exits are sent, orders and signed reads are not",
        "give it more memory or less to do; it opens by itself 10 s after that",
    ),
    Reason(
        "loop_lagging",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the gateway does its work more than 250 ms late; exits are sent, orders and signed reads are not",
        "send less at once; it opens by itself after 10 s in time",
    ),
    Reason(
        "venue_maintenance",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the exchange says that it is in maintenance; only exits are sent",
        "wait; it opens by itself 10 s after the exchange has said that all is normal",
    ),
    Reason(
        "user_data_unavailable",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "no events come from the exchange for this account and market at this moment, so a stream would be silent",
        "try again; `counterseal status` shows under user_data which feed is missing and why",
    ),
    Reason(
        "bot_gone",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the bot closed its connection before the first byte left; nothing was sent",
        "send it again if it is still wanted",
    ),
    Reason(
        "draining",
        503,
        -1001,
        "Internal error; unable to process your request. Please try again.",
        "the gateway is stopping, or this connection to the WebSocket API is about to end; nothing was sent",
        "try again in a moment, on a new connection",
    ),
    # -- the shared ledger of limits
    Reason(
        "weight_budget_spent",
        429,
        -1003,
        "Too much request weight used; current limit is spent for this window. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
        "what the address may spend in this window is spent, in flight, or kept for better lanes and for other bots' "
        "parts; nothing was sent, so the exchange counted nothing",
        "wait for Retry-After, which is when the window turns; `counterseal limits` tells who spent it; poll less, or "
        "give the bot a larger share",
    ),
    Reason(
        "raw_requests_spent",
        429,
        -1003,
        "Too many requests queued.",
        "the number of requests that the address may send to this API, or to these endpoints, is spent in this window",
        "wait for Retry-After; `counterseal limits` tells who spent it",
    ),
    Reason(
        "order_count_spent",
        429,
        -1015,
        "Too many new orders.",
        "what the account may place in this window is spent, in flight, or kept for exits and for other bots' parts; "
        "nothing was sent",
        "wait for Retry-After; cancels go through; `counterseal limits` tells which bot placed them",
    ),
    Reason(
        "bot_quota_spent",
        429,
        -1003,
        "Too many requests queued.",
        "the bot's own quota is spent, or, for calls without a credential, the twentieth of a pool that they share; "
        "there may be room for others",
        "wait for Retry-After, or raise the bot's quota; cancels go through",
    ),
    Reason(
        "bot_slowed",
        429,
        -1003,
        "Too many requests queued.",
        "the exchange refused more than ten of the bot's requests in a row, so it alone waits between two of them; "
        "cancels and reducing orders are not slowed",
        "see in the journal what the exchange refuses and mend the bot; one success ends it",
    ),
    # 503 with -1008 is the exchange's own word for an overload in which nothing was executed and nothing counted: SDKs
    # read it as busy, to be tried again later. -1007 would mean an unknown outcome, -1003 that the bot asks too much.
    Reason(
        "venue_breaker_open",
        503,
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        "the exchange did not answer or failed several times in a row, so for a moment nothing but exits and a probe "
        "goes there; nothing was sent",
        "wait for Retry-After; cancels and reducing orders are still tried",
    ),
    Reason(
        "gateway_overloaded",
        503,
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
        "more is asked than the gateway can do in time, or all its connections to the exchange are in use; nothing was "
        "sent",
        "ask less at once; cancels and reducing orders go on. `counterseal status` tells since when",
    ),
    # -- the exchange's answer
    Reason(
        "outcome_unknown",
        503,
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        "the request left, and no answer proves what became of it",
        "query the order before sending another",
    ),
)

REASONS: dict[str, Reason] = {reason.code: reason for reason in _REASONS}
