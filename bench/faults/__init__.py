"""Three replicas under random faults, and a checker of their acknowledged writes; see `bench.faults.__main__`."""
