"""The composition root: settings in, ASGI application out. Nothing else builds objects with side effects."""
