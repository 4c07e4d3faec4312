"""The front door: every request passes it before and after its handler.

`Gateway` is the ASGI application. For each request it finds the operation (by a router that it is given), runs its
steps (who is this; later: may they, how fast), awaits the operation's handler, and sends the answer with the
platform's headers. Whatever goes wrong on the way, in a handler or in a library, leaves as the contract's JSON.

- `exchange`: `Request`, `Response`, `Operation`, `Exchange` (one request on its way through).
- `problem`: `Problem`, the exception that is an error answer, and its envelope.
- `access`: the key check. `admission`: the bounded worker pool. `door`: `Gateway`.

    operation = Operation("Face - Detect", "POST", "/detect", handler=detect)
    app = Gateway(router, steps=[KeyCheck(accounts)], explain=explain)
"""
