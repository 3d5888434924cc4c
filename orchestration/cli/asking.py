"""Questions before something is done."""

import sys

import click


def confirm(question: str) -> None:
    """Go on only after a yes.

    Raises:
        click.Abort: The answer was no, or Ctrl-C.
        click.UsageError: There is nobody to answer, as in a script without input.
    """
    try:
        click.confirm(question, abort=True)
    except click.Abort as error:
        if sys.stdin.isatty() or not isinstance(error.__context__, EOFError):
            raise
        click.echo()
        raise click.UsageError("there is nobody to answer: add --yes") from None
