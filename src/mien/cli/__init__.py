"""The command line, `mien`: one module a command, found by its name, imported only when it is called.

A module of this package whose name has no leading underscore is a command of that name: it has either a function
`command` (`mien serve`) or a `typer.Typer` named `app` with several commands in it (`mien models list`). What takes
time to import is imported inside the functions.
"""

from mien.cli._main import main

__all__ = ["main"]
