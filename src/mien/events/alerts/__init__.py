"""Alert rules: what is watched, and who is told.

A rule compares a metric, or the use of a quota, with a threshold. It fires once when the threshold is crossed and not
again before it has cleared, on all servers together.

- `conditions`: what a rule compares. `rules`: the rules in the database. `monitor`: evaluates them every few seconds.
- `messages`: the body of what a webhook is told. `deliveries`: sends messages, in order and until they arrive.
- `webhook`: one post.
"""
