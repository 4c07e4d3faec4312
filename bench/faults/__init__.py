"""Three replicas under random faults, and a checker of what they acknowledged; see `bench.faults.__main__`."""
