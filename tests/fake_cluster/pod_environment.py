"""What a container finds in its environment."""

import re

from tests.fake_cluster.store import Object

_ANNOTATION = re.compile(r"metadata\.annotations\['(?P<name>[^']+)'\]")


def environment_of(pod: Object) -> dict[str, str]:
    """Of the pod's first container, with what is taken from the pod itself."""
    found: dict[str, str] = {}
    for one in pod["spec"]["containers"][0].get("env", ()):
        if "valueFrom" in one:
            match = _ANNOTATION.fullmatch(one["valueFrom"]["fieldRef"]["fieldPath"])
            assert match is not None  # nothing else is needed here
            found[one["name"]] = pod["metadata"]["annotations"][match["name"]]
        else:
            found[one["name"]] = one.get("value", "")
    return found
