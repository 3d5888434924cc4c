"""What is done with images that are named by tags."""

from enum import StrEnum


class ImagePolicy(StrEnum):
    """What is done with an image that is named by a tag, which may mean another one tomorrow."""

    ANY = "any"  #: it is run as it is named
    RESOLVE = "resolve"  #: its digest is looked up once for each sweep
    REQUIRE_DIGEST = "require-digest"  #: it is refused
