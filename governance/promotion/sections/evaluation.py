"""The section of the evaluation. Pure."""

from governance.promotion.sections.kinds import Folder, Seeds, Version
from sweeps.sweep_files.commands import Command, Environment
from sweeps.sweep_files.data_section import Data
from sweeps.sweep_files.fields import RESOURCES
from sweeps.sweep_files.kinds import IMAGE, Integer, Text
from sweeps.sweep_files.quantities import Duration
from sweeps.sweep_files.sections import Field, Section

_LINE = Text("/home/me/digits", 1000, is_one_line=True)
_MOST_SEEDS = 100
EVALUATION = Section(
    doc="How a candidate is measured.",
    fields={
        "command": Field(
            kind=Command(),
            doc="Program and arguments; {model} stands for the artifact, {evaluation_seed} for the seed.",
            example="[python, evaluate.py]",
        ),
        "holdout": Field(kind=Version(), doc="Data that no trial has learnt from, NAME@N."),
        "seeds": Field(
            kind=Seeds(_MOST_SEEDS), doc="One run each; at least two.", default=[1, 2, 3]
        ),
        "data": Field(
            kind=Data(),
            doc="Other datasets that it reads; no other version of the holdout.",
            default=[],
        ),
        "source": Field(
            kind=Folder(_LINE),
            doc="Folder of the command's code, an absolute path; without it, that of the candidate's "
            "sweep, which a commit then has to have as it is.",
            default=None,
        ),
        "image": Field(
            kind=Text("registry.example.org/team/evaluate:1.4", 500, pattern=IMAGE),
            doc="Container image, on a cluster; without it, that of the candidate's sweep.",
            default=None,
        ),
        "resources": Field(kind=RESOURCES, doc=RESOURCES.doc, default={}),
        "environment": Field(kind=Environment(), doc="Variables of its process.", default={}),
        "timeout": Field(kind=Duration(), doc="Of one run.", default=None),
        "max_parallel": Field(kind=Integer(1, 1000), doc="Runs at a time.", default=1),
    },
)
