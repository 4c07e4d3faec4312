"""Training: building the search index of a collection, its storage and its history."""
