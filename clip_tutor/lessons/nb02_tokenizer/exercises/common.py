"""What several checks of notebook 02 ask of a result."""

from clip_tutor.lab.exercises.attempt import demand, describe


def demand_strings(result: object, what: str = "symbol") -> None:
    """Refuse what is not a list of strings."""
    demand(
        isinstance(result, list) and all(isinstance(one, str) for one in result),
        f"the result is {describe(result)}",
        f"a list of strings, one for each {what}",
    )
