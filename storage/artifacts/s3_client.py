"""The client of boto3: its patience, and what it must not do by itself."""

from typing import Any, cast

from storage.artifacts.location import BucketLocation

_CONNECT_SECONDS = 5
_READ_SECONDS = 10
_MOST_ATTEMPTS = 2  # scripts try again by themselves
_PATIENT_READ_SECONDS = 60  # a large blob takes its time to be put together
_PATIENT_ATTEMPTS = 4
_CONNECTIONS = 32  # as many as the gateway has threads for requests


def s3_client(location: BucketLocation, *, is_patient: bool = False) -> Any:
    """A client for the bucket; region and credentials come from where boto3 looks for them.

    Args:
        is_patient: For what takes its time. Anything else is soon answered, or soon given up: a
            bucket that hangs must not hold all of the gateway's threads.
    """
    from boto3.session import Session  # pyright: ignore[reportMissingTypeStubs]  it has none
    from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]  it has none

    session = cast("Any", Session())
    region: str | None = session.region_name
    return session.client(
        "s3",
        endpoint_url=location.endpoint,
        # Servers of one's own have no regions, and must be called something all the same.
        region_name=region or ("us-east-1" if location.endpoint else None),
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if location.endpoint else "auto"},
            # Our own sums are sent. Others would have to be in the signed requests, too.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_PATIENT_READ_SECONDS if is_patient else _READ_SECONDS,
            retries={
                "mode": "standard",
                "max_attempts": _PATIENT_ATTEMPTS if is_patient else _MOST_ATTEMPTS,
            },
            max_pool_connections=_CONNECTIONS,
        ),
    )
