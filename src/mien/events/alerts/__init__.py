"""Alert rules: what they watch, and whom they notify.

A rule compares a metric, or the use of a quota, with a threshold. It fires once when the threshold is crossed, and
again only after it has cleared, across all servers.

- `conditions`: what a rule compares. `rules`: the rules in the database. `monitor`: evaluates them every few seconds.
- `messages`: the body of webhook messages. `deliveries`: sends messages, in order and until they arrive.
- `webhook`: one post.
"""
