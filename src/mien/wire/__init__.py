"""The Face contract over HTTP: a module for each family of operations, and what they share.

- `faults`: which error answer an exception becomes. `router`: method and path to operation, with hints for near misses.
- `body`, `detect_query`: reading requests. `face_json`: shaping answers.
- `detect`: the operation. `openapi`, `pages`: what the server says about itself.

To add an operation, write its handler (`async (Exchange) -> Response`) and add one line to its family's table:

    Operation("Group", "POST", "/group", handler, versions=ALL, action="group", transactions=1)
"""
