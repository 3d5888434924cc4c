"""Questions: a yes goes on, a no ends, and nobody is told how to do without."""

import click
import pytest
from click.testing import CliRunner

from orchestration.cli.asking import confirm


@click.command()
def command() -> None:
    confirm("go on?")
    click.echo("done")


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [("y\n", 0, "done"), ("n\n", 1, "Aborted!"), ("", 2, "there is nobody to answer: add --yes")],
)
def test_what_is_answered_is_done(answer: str, code: int, said: str) -> None:
    result = CliRunner().invoke(command, input=answer)

    assert result.exit_code == code
    assert said in result.output
    assert ("done" in result.output) == (code == 0)
