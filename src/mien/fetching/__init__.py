"""Fetching from URLs that a client gave: hostile names, addresses and servers."""
