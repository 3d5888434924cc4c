"""A kind of policy for tests, with its default file."""

from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import check_storable
from sweeps.sweep_files.kinds import Integer
from sweeps.sweep_files.reading import Reader
from sweeps.sweep_files.sections import Field, Section
from sweeps.sweep_files.yaml_documents import read_yaml

_FILE = Section(doc="Cups.", fields={"cups": Field(kind=Integer(1, 9), doc="How many.")})


def parse_tea(text: str, *, source: str) -> int:
    document = read_yaml(text, source=source)
    check_storable(document, source=source)
    reader = Reader(document)
    read = _FILE.read(reader, (), document.value)
    reader.raise_problems(source)
    assert read is not None
    return int(read["cups"])


TEA = PolicyKind("tea", "tests.policies_of_tests", parse_tea, least="cups: 1")
