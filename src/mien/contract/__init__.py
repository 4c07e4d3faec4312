"""The Face contract as data: the error catalogue, API versions, and the form of an error answer. Each fact once."""
