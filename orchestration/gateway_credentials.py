"""What a trial needs to report to the gateway."""

import datetime as dt
from collections.abc import Mapping

from governance.access import RunGrant, sign_run_token
from orchestration.settings import Settings
from sweeps import ids
from sweeps.ids import AttemptId, TenantId

_TOKEN_LIFETIME = dt.timedelta(days=60)  # longer than a trial may take


class GatewayCredentials:
    """A `sweeps.ports.Credentials`: tokens signed with the platform's key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def for_attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Mapping[str, str]:
        """Address of the gateway, a token that opens the run alone, a place for the spool."""
        url = self._settings.gateway_url
        if url is None:
            return {}
        grant = RunGrant(
            run_id=ids.run_of(attempt_id),
            tenant_id=tenant_id,
            attempt_id=attempt_id,
            expires_at=dt.datetime.now(dt.UTC) + _TOKEN_LIFETIME,
        )
        return {
            "SWEEPWORKS_GATEWAY_URL": url,
            "SWEEPWORKS_RUN_TOKEN": sign_run_token(grant, key=self._settings.signing_key()),
            "SWEEPWORKS_SPOOL_DIR": str(self._settings.home.spool),
        }
