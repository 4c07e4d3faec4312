"""The person directory and its dynamic groups."""
