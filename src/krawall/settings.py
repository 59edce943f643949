"""What a server or worker is told from outside: defaults, `krawall.toml`, KRAWALL_* variables, flags. Read once, frozen, passed down in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from krawall.errors import DocumentError, Place


class Settings(BaseSettings):
    """Addresses, keys and limits of an installation. A plan carries what decides a session's results; none of it is here."""

    model_config = SettingsConfigDict(env_prefix="KRAWALL_", toml_file="krawall.toml", frozen=True, extra="ignore")

    data: Path = Field(Path("~/.krawall"), description="directory of the database, the queue, the archive and the keys")
    database: str = Field("", description="sqlite:///FILE or postgresql://...; empty: a file in the data directory")
    redis: str = Field("", description="redis://, rediss:// or unix://; empty: a server of our own on a Unix socket")
    archive: str = Field(
        "", description="file:///DIR, s3://bucket/prefix, gs:// or az://; empty: in the data directory"
    )
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8600
    worker: bool = Field(True, description="whether `krawall serve` starts a worker")
    engines: int | None = Field(None, ge=1, description="engine processes at once; empty: one per core")
    key: SecretStr | None = Field(
        None, description="the key that seals credentials, 32 bytes as base64; empty: keys.json in the data directory"
    )
    public_url: str = Field("", description="how browsers reach the server, when a proxy stands before it")
    proxies: list[str] = Field([], description="addresses of proxies whose X-Forwarded-For and -Proto count")
    daily_cost_usd: float | None = Field(None, ge=0, description="what all sessions of a day (UTC) may spend together")
    keep_days: int | None = Field(None, ge=1, description="finished sessions older than this are deleted; empty: kept")
    private_webhooks: bool = Field(False, description="webhooks may reach private addresses and loopback")
    allow_env: list[str] = Field([], description="environment variables of workers that scenarios may read as env.NAME")
    most_body: int = Field(
        32_000_000, ge=1_000, description="bytes that a request may have; imports of sessions may be larger"
    )
    most_import: int = Field(2_000_000_000, ge=1_000, description="bytes that the import of a session may have")
    requests_per_s: float = Field(
        100.0, gt=0, description="requests per second and caller; bursts of ten times as many"
    )
    log_format: Literal["auto", "json", "text"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otel: str = Field("", description="OTLP endpoint for traces, such as http://127.0.0.1:4318; needs the extra `otel`")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, which wins over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def home(self) -> Path:
        """The data directory, absolute."""
        return self.data.expanduser().absolute()

    @property
    def database_url(self) -> str:
        """The database's URL, the default filled in."""
        return self.database or f"sqlite:///{self.home / 'krawall.db'}"

    @property
    def archive_url(self) -> str:
        """The archive's URL, the default filled in."""
        return self.archive or f"file://{self.home / 'archive'}"


def read_settings(**flags: Any) -> Settings:
    """Return the settings; a flag that is None is not given.

    Raises:
        DocumentError: something in the file, the environment or the flags is not what it should be.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise DocumentError(
            "settings",
            [Place(".".join(map(str, detail["loc"])), detail["msg"]) for detail in error.errors()],
            hint="they come from krawall.toml, KRAWALL_* variables and flags",
        ) from None
