"""`sweepworks data`: what is known of datasets."""

from orchestration.cli.lazy_group import LazyGroup

_COMMANDS = {
    "register": "Write down a version: files, or the rows of a query.",
    "store": "Keep the files of a version in the artifact store, too.",
    "get": "Fetch the files of a version from there.",
    "list": "Datasets and their versions.",
    "show": "What is in a version: files, columns, steps, parents, checks.",
    "profile": "Propose what to expect of a dataset.",
    "check": "A version against what is expected of it.",
    "drift": "How two versions differ, column by column.",
    "minimise": "A version with less of persons in it.",
}

command = LazyGroup(
    name="data",
    sentences=_COMMANDS,
    module="orchestration.cli.data.{}_command",
    help="Datasets: immutable versions called NAME@NUMBER, which sweeps pin and runs record.",
    epilog="Start here:  sweepworks data register digits data/digits --purpose 'Handwritten digits'",
)
