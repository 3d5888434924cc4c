"""Bounds of numbers and days in addresses: what is beyond cannot be stored, nor reckoned with."""

import datetime as dt
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator

from governance.periods import known_day

MOST_INTEGER = 2**31 - 1  #: of PostgreSQL's `integer`
MOST_BIGINT = 2**63 - 1  #: of its `bigint`

#: Of a version, in a path.
GivenNumber = Annotated[int, Path(ge=1, le=MOST_INTEGER)]
#: Of a note, in a path.
GivenNote = Annotated[int, Path(ge=1, le=MOST_BIGINT)]
#: Of a query.
Day = Annotated[dt.date, AfterValidator(known_day)]
