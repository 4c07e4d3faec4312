"""Re-embedding: from the templates of one model to those of another, and the switch between them."""
