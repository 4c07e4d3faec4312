"""The Face contract as data, each fact once: errors, versions, models, attributes with their gates, limits, headers."""
