"""Who is told of a violation of quotas, and after how long. Pure."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Audience(StrEnum):
    """Who is told."""

    OWNER = "owner"  #: of the sweep; of what is the whole tenant's, its contacts
    TENANT = "tenant"  #: its contacts
    PLATFORM = "platform"  #: the contacts of the installation


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationStep:
    """One step."""

    after: dt.timedelta  #: since the violation was noticed
    to: Audience


#: Of a policy that does not say.
USUAL_STEPS = (
    EscalationStep(after=dt.timedelta(hours=4), to=Audience.OWNER),
    EscalationStep(after=dt.timedelta(days=1), to=Audience.TENANT),
    EscalationStep(after=dt.timedelta(days=3), to=Audience.PLATFORM),
)
