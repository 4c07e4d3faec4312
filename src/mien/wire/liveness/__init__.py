"""Liveness sessions over HTTP, and the transports of the channel: WebSocket and POST."""
