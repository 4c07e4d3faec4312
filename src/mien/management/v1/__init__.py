"""Plain JSON routes under `/mien/v1`, a module a subject, for what Azure does in its portal."""
