"""Find environment variables that look like settings but are misspelt: they would be ignored silently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from mien.settings.group import PREFIX


def unknown_variables(environment: Mapping[str, str], fields: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each variable that begins with `MIEN_` and names no setting, with the closest name that does, or None.

    Args:
        environment: variables by name, such as `os.environ`; upper and lower case are the same, as for settings.
        fields: the names of the settings, such as `Settings.model_fields`.
    """
    names = [PREFIX + field.upper() for field in fields]
    for variable in sorted(environment):
        name = variable.upper()
        if name.startswith(PREFIX) and name not in names:
            yield variable, next(iter(get_close_matches(name, names, n=1, cutoff=0.8)), None)
