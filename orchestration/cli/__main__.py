"""`python -m orchestration.cli`: the command `sweepworks`, also where it is not on the PATH."""

from orchestration.cli.main import main

main()
