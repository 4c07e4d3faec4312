"""How Hypothesis looks for examples: the same ones at every `make test`, others and more at `make test-all`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

_USUAL = 100
"""Examples of a test that asks for no other number."""
_ROUNDS = 10
"""How often a state machine is run at most until each of its rules was carried out."""


def register_profiles() -> None:
    """Make the profiles that `--hypothesis-profile` chooses from: `same`, which is loaded, `few`, and `explore`.

    Neither measures time, which a busy machine takes more of, nor explains a failure: that traces every line, and took
    so long in tests over a database that their timeout hid what had failed. `same` draws from a seed made from the
    test's source, and keeps nothing. `few` is a tenth of it, for a second Python.
    """
    patient = settings(
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        phases=[phase for phase in Phase if phase is not Phase.explain],
        print_blob=True,
        max_examples=_USUAL,
    )
    settings.register_profile("same", patient, derandomize=True, database=None)
    settings.register_profile("few", patient, derandomize=True, database=None, max_examples=_USUAL // 10)
    settings.register_profile("explore", patient, derandomize=False, max_examples=3 * _USUAL)
    settings.load_profile("same")
    engine.MAX_SHRINKING_SECONDS = 60  # of 300, after which a test's own timeout would hide its failure


def examples(count: int, *quiet: HealthCheck) -> settings:
    """Return settings for so many examples, in `explore` for more in proportion, without some health checks.

    Everything else is as in the profile: tests make no settings of their own.
    """
    profile = settings()
    return settings(
        max_examples=max(1, count * profile.max_examples // _USUAL),
        suppress_health_check=[*profile.suppress_health_check, *quiet],
    )


def run_machine(machine: type[RuleBasedStateMachine], count: int, steps: int) -> None:
    """Run a state machine so many times for so many steps, and again until each of its rules was carried out.

    A run leaves out some rules on purpose, and few runs may all leave out the same one. Which ones also depends on the
    modules that are loaded, whose constants Hypothesis tries.

    Args:
        machine: of which kind.
        count: how often, as `examples` takes it.
        steps: how many rules are carried out in a run at most.
    """
    reached: Counter[str] = Counter()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*given: Any, **named: Any) -> Any:
            reached[function.__name__] += 1
            return function(*given, **named)

        return run

    rules = machine.setup_state().rules
    for rule in rules:
        rule.function = counted(getattr(rule.function, "__wrapped__", rule.function))
    never = {rule.function.__name__ for rule in rules}
    for number in range(_ROUNDS):
        if settings().derandomize:
            seed(number)(machine)
        run_state_machine_as_test(machine, settings=settings(examples(count, *HealthCheck), stateful_step_count=steps))
        if not (never := never - set(reached)):
            return
    raise AssertionError(f"these rules were never carried out: {never}, only {dict(reached)}")
