"""Alert rules and their notifications.

A rule compares a metric, or the use of a quota, with a threshold. It fires once when the threshold is crossed, and
again only after it has cleared, across all servers.

- `conditions`: conditions of rules. `rules`: the rules in the database. `monitor`: evaluates them every few seconds.
- `messages`: the body of webhook messages. `deliveries`: sends messages in order, with retries.
- `webhook`: posts one message.
"""
