"""The Face contract over HTTP: a module per family of operations, and shared modules.

- `faults`: maps exceptions to error responses. `router`: finds operations, with hints for mistyped paths.
- `body`, `detect_query`: parse requests. `face_json`: returns faces as JSON.
- `detect`: the operation Detect. `openapi`, `pages`: the server's documentation and status pages.

To add an operation, write its handler (`async (Exchange) -> Response`) and add one line to its family's table:

    Operation("Group", "POST", "/group", handler, versions=ALL, action="group", transactions=1)
"""
