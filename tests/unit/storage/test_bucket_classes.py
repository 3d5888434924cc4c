"""A server that takes a storage class and does nothing with it is found out."""

from typing import Any

import pytest

from storage.artifacts.bucket_classes import BucketClasses
from storage.artifacts.location import BucketLocation
from sweeps.blobs import NoStorageClass, StorageClass


class Indifferent:
    """Copies whatever it is asked to, and knows no classes."""

    def __init__(self) -> None:
        self.copied: list[str] = []

    def head_object(self, **_: Any) -> dict[str, Any]:
        return {"ContentLength": 5, "ETag": "x"}

    def copy_object(self, *, StorageClass: str, **_: Any) -> None:  # noqa: N803 - boto3's name
        self.copied.append(StorageClass)


def test_what_is_stored_as_before_is_not_taken_for_cold() -> None:
    client = Indifferent()
    classes = BucketClasses(client, BucketLocation(bucket="abc"), encryption={})

    with pytest.raises(NoStorageClass, match="stores as before"):
        classes.move({"Bucket": "abc", "Key": "k"}, StorageClass.GLACIER_IR)

    assert client.copied == ["GLACIER_IR"]
