"""The front door: every request passes it before and after its handler.

`Gateway` is the ASGI application. For each request it finds the operation (by a router that it is given), runs its
steps (who is this, from where, may they, how often, are they approved for it), awaits the operation's handler, and
sends the answer with the platform's headers. Whatever goes wrong on the way, in a handler or in a library, leaves as
the contract's JSON.

- `exchange`: `Request`, `Response`, `Operation`, `Exchange` (one request on its way through).
- `gateway`: `Gateway`. `checks`: `Checks`, the steps that it runs, in their order; `opening`: as the settings want it.
- `access` (hosts, keys, tokens) on `endpoints`, `origin`, `hints`, `short_tokens`, `tokens`, `keysets`, `roles`.
- `network`: addresses. `rates`, `volume`: how often. `gates`: limited access; `require` is for handlers.

    operation = Operation("Face - Detect", "POST", "/detect", handler=detect)
    app = Gateway(router, Checks(accounts).steps(), explain=explain)
"""
