"""Re-embedding: replacing the templates of one model with those of another."""
