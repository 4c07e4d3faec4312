"""Plain JSON routes under `/mien/v1`, a module per subject, for functions of Azure's portal."""
