"""Training: from the rows of a collection to an index that is searched, and its history."""
