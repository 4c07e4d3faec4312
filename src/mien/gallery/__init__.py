"""Face collections, short-lived face ids, and the services that search them."""
