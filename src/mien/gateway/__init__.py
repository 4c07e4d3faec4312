"""The gateway, which every request passes before and after its handler.

`Gateway` is the ASGI application. For each request it finds the operation with its router, runs its steps
(authentication, network, roles, rate limits, approvals), awaits its handler, and sends the response with the platform's
headers. Every exception becomes an error in the contract's JSON.

- `exchange`: `Request`, `Response`, `Operation`, `Exchange` (the state of one request).
- `gateway`: `Gateway`. `checks`: `Checks`, its steps in order. `opening`: creates `Checks` from the settings.
- `access`: hosts, keys, tokens; uses `endpoints`, `origin`, `hints`, `short_tokens`, `tokens`, `keysets`, `roles`.
- `network`: addresses. `rates`, `volume`: rate and monthly limits. `gates`: limited access; handlers call `require`.

    operation = Operation("Face - Detect", "POST", "/detect", handler=detect)
    app = Gateway(router, Checks(accounts).steps(), explain=explain)
"""
