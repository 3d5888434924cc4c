"""Configuration from the environment: the one place in the platform that reads or writes it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from orchestration.cluster.settings import ClusterSettings
from orchestration.home import FOLDER_NAME, Home
from sweeps.errors import PermanentError

_MINIMUM_KEY_BYTES = 32
_OURS = "SWEEPWORKS_"
_SUITES = Path(__file__).resolve().parents[1] / "governance" / "expectations"
CONTROLLER = "SWEEPWORKS_CONTROLLER"  #: set to 1 for processes that run a sweep's controller


class InvalidSetting(PermanentError):
    """A variable of the environment that cannot be used."""

    def __init__(self, name: str, value: str, *, hint: str) -> None:
        self.name = name
        self.value = value
        super().__init__(f"{name} is {repr(value) if value else 'not set'}; {hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says, checked. URLs and keys stay out of `repr`."""

    home: Home
    #: our database; None: embedded
    database_url: str | None = field(default=None, repr=False)
    #: Dagster's database, naming the psycopg2 driver
    dagster_database_url: str | None = field(default=None, repr=False)
    dagster_home: Path | None = None  #: only without an embedded home, which has its own
    gateway_url: str | None = None
    public_url: str | None = None  #: where browsers find the gateway; None: where everybody does
    token: str | None = field(default=None, repr=False)  #: API token for a gateway elsewhere
    artifacts: str  #: absolute folder, or an s3:// URL
    s3_endpoint: str | None = None  #: of a server that speaks like S3; None: Amazon's
    s3_encryption: str | None = None  #: as it was written; None: what the bucket does by itself
    signing_key_hex: str | None = field(default=None, repr=False)  #: None: the home's own
    tenants_file: Path  #: need not exist
    expectations: Path  #: folder of what is expected of datasets; need not exist
    cluster: ClusterSettings | None = None  #: where trials run; None: on this machine
    gpus: str | None = None  #: what trials may use; None: all there are
    image: str | None = None  #: the container image that this runs in, with its digest
    max_series: str | None = None  #: metrics that the gateway keeps of a run, as it was written
    silent_minutes: str | None = None  #: until a silent scratch run has failed, as it was written
    openlineage_url: str | None = None  #: where events of OpenLineage are sent; None: nowhere
    openlineage_key: str | None = field(default=None, repr=False)  #: sent as a bearer token
    webserver_port: int = 3000  #: taken if free, else another; 0: any
    idle_seconds: float = 10.0  #: how long the supervisor stays without a client
    postgres_folder: Path = Path("/var/lib/sweepworks")  #: root keeps clusters here
    #: Set by the supervisor for what it runs: URLs are given, and the home is in use all the same.
    is_supervised: bool = False
    is_controller: bool = False  #: a sweep's controller; not for what it starts, so not exported

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        home: Path | None = None,
    ) -> Self:
        """Settings of this process.

        Args:
            environment: Instead of the process' own.
            home: Instead of the one in the environment.
            cwd: What relative paths are relative to, instead of the working directory.

        Raises:
            InvalidSetting: A value makes no sense.
        """
        env = os.environ if environment is None else environment
        base = (Path.cwd() if cwd is None else cwd).absolute()
        folder = base / (home or Path(env.get("SWEEPWORKS_HOME") or FOLDER_NAME)).expanduser()
        found = Home(folder)
        dagster = env.get("SWEEPWORKS_DAGSTER_DATABASE_URL")
        return cls(
            home=found,
            database_url=env.get("SWEEPWORKS_DATABASE_URL") or None,
            dagster_database_url=dagster_url(dagster) if dagster else None,
            dagster_home=Path(env["DAGSTER_HOME"]) if env.get("DAGSTER_HOME") else None,
            gateway_url=(env.get("SWEEPWORKS_GATEWAY_URL") or "").rstrip("/") or None,
            public_url=_http_url(env, "SWEEPWORKS_PUBLIC_URL"),
            token=env.get("SWEEPWORKS_TOKEN") or None,
            artifacts=_artifacts(env.get("SWEEPWORKS_ARTIFACTS"), home=found, base=base),
            s3_endpoint=env.get("SWEEPWORKS_S3_ENDPOINT") or None,
            s3_encryption=env.get("SWEEPWORKS_S3_ENCRYPTION") or None,
            signing_key_hex=_signing_key(env.get("SWEEPWORKS_SIGNING_KEY")),
            tenants_file=base
            / Path(env.get("SWEEPWORKS_TENANTS") or folder.parent / "tenants.yaml").expanduser(),
            expectations=base / Path(env.get("SWEEPWORKS_EXPECTATIONS") or _SUITES).expanduser(),
            cluster=_cluster(env, base=base),
            gpus=env.get("SWEEPWORKS_GPUS"),
            image=env.get("SWEEPWORKS_IMAGE") or None,
            max_series=env.get("SWEEPWORKS_MAX_SERIES") or None,
            silent_minutes=env.get("SWEEPWORKS_SILENT_MINUTES") or None,
            openlineage_url=_http_url(env, "SWEEPWORKS_OPENLINEAGE_URL"),
            openlineage_key=env.get("SWEEPWORKS_OPENLINEAGE_API_KEY") or None,
            webserver_port=int(_number(env, "SWEEPWORKS_WEBSERVER_PORT", 3000, most=65535)),
            idle_seconds=_number(env, "SWEEPWORKS_IDLE_SECONDS", 10.0, most=1e9),
            postgres_folder=base
            / Path(env.get("SWEEPWORKS_POSTGRES_FOLDER") or "/var/lib/sweepworks").expanduser(),
            is_supervised=env.get("SWEEPWORKS_SUPERVISED") == "1",
            is_controller=env.get(CONTROLLER) == "1",
        )

    @property
    def is_embedded(self) -> bool:
        """Whether PostgreSQL and the gateway are ours to start."""
        return self.database_url is None

    def without_services(self) -> Self:
        """As a person would give them: without the addresses that a supervisor filled in."""
        if not self.is_supervised:
            return self
        return replace(
            self,
            database_url=None,
            dagster_database_url=None,
            dagster_home=None,
            gateway_url=None,
            token=None,
            signing_key_hex=None,
            is_supervised=False,
        )

    def signing_key(self) -> bytes:
        """The key that signs run tokens; in a home that was never prepared there is none yet."""
        if self.signing_key_hex is not None:
            return bytes.fromhex(self.signing_key_hex)
        return self.home.signing_key()

    def exported(self) -> dict[str, str]:
        """Variables from which `from_environment` makes the same of another process."""
        optional = {
            "SWEEPWORKS_DATABASE_URL": self.database_url,
            "SWEEPWORKS_DAGSTER_DATABASE_URL": self.dagster_database_url,
            "DAGSTER_HOME": None if self.dagster_home is None else str(self.dagster_home),
            "SWEEPWORKS_GATEWAY_URL": self.gateway_url,
            "SWEEPWORKS_PUBLIC_URL": self.public_url,
            "SWEEPWORKS_TOKEN": self.token,
            "SWEEPWORKS_S3_ENDPOINT": self.s3_endpoint,
            "SWEEPWORKS_S3_ENCRYPTION": self.s3_encryption,
            "SWEEPWORKS_SIGNING_KEY": self.signing_key_hex,
            "SWEEPWORKS_GPUS": self.gpus,
            "SWEEPWORKS_IMAGE": self.image,
            "SWEEPWORKS_MAX_SERIES": self.max_series,
            "SWEEPWORKS_SILENT_MINUTES": self.silent_minutes,
            "SWEEPWORKS_OPENLINEAGE_URL": self.openlineage_url,
            "SWEEPWORKS_OPENLINEAGE_API_KEY": self.openlineage_key,
            "SWEEPWORKS_SUPERVISED": "1" if self.is_supervised else None,
        }
        return {
            "SWEEPWORKS_HOME": str(self.home.folder),
            "SWEEPWORKS_ARTIFACTS": self.artifacts,
            "SWEEPWORKS_TENANTS": str(self.tenants_file),
            "SWEEPWORKS_EXPECTATIONS": str(self.expectations),
            "SWEEPWORKS_WEBSERVER_PORT": str(self.webserver_port),
            "SWEEPWORKS_IDLE_SECONDS": str(self.idle_seconds),
            "SWEEPWORKS_POSTGRES_FOLDER": str(self.postgres_folder),
            "SWEEPWORKS_LAUNCHER": "local" if self.cluster is None else "kubernetes",
            **({} if self.cluster is None else self.cluster.exported()),
            **{name: value for name, value in optional.items() if value is not None},
        }


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process' environment with `variables` instead of every variable of ours.

    A trial's own variables (its run token above all) do not reach a service that a training script
    happened to start.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**inherited, **variables}


def inherited_environment() -> dict[str, str]:
    """This process' environment, for trials; their launcher leaves our variables out."""
    return dict(os.environ)


def export(variables: Mapping[str, str]) -> None:
    """Set `variables` in this process, for libraries that read them: Dagster above all."""
    os.environ.update(variables)


def dagster_url(url: str) -> str:
    """`url` for SQLAlchemy, which picks psycopg 3 for a plain one and breaks dagster-postgres.

    To be dropped when https://github.com/dagster-io/dagster/issues/33958 is closed.
    """
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg2://{rest}" if separator and "+" not in scheme else url


def _artifacts(value: str | None, *, home: Home, base: Path) -> str:
    if not value:
        return str(home.artifacts)
    if "://" in value:
        return value.rstrip("/")
    return str(base / Path(value).expanduser())


def _signing_key(value: str | None) -> str | None:
    if not value:
        return None
    try:
        key = bytes.fromhex(value)
    except ValueError:
        key = b""
    if len(key) < _MINIMUM_KEY_BYTES:
        raise InvalidSetting(
            "SWEEPWORKS_SIGNING_KEY", "…", hint="write at least 64 hexadecimal digits"
        )
    return value


def _cluster(env: Mapping[str, str], *, base: Path) -> ClusterSettings | None:
    launcher = env.get("SWEEPWORKS_LAUNCHER") or "local"
    if launcher == "local":
        return None
    if launcher != "kubernetes":
        raise InvalidSetting("SWEEPWORKS_LAUNCHER", launcher, hint="write local or kubernetes")
    try:
        return ClusterSettings.from_environment(env, base=base)
    except ValueError as exc:
        raise PermanentError(str(exc)) from exc


def _http_url(env: Mapping[str, str], name: str) -> str | None:
    url = env.get(name) or None
    if url is not None and not url.startswith(("http://", "https://")):
        raise InvalidSetting(
            name, url, hint="write an address that begins with http:// or https://"
        )
    return url


def _number(env: Mapping[str, str], name: str, default: float, *, most: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise InvalidSetting(name, text, hint=f"write a number from 0 to {most:g}")
    return value
