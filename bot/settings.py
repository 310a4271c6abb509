"""Settings, typed, from the environment and `.env`; deploy/env.example documents every one."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AliasChoices, DirectoryPath, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.db.addresses import passwords, understood
from bot.dotenv import WrongFile, check_dotenv

API_VERSION = re.compile(r"/v\d+$")
SHARDS = re.compile(r"\d{1,4}(,\d{1,4})*/\d{1,4}")
DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,2})?")
HEALTH = re.compile(r"\[?[^\s\[\]]+\]?:\d{1,5}")


class WrongSettings(Exception):
    """They cannot be used; the message has a line per reason, and no value: it may be secret."""


class Settings(BaseSettings):
    """Built once, in `__main__`; everything else gets what it needs handed over."""

    # A variable that is set to nothing counts as not set: compose files pass on what they lack as "".
    model_config = SettingsConfigDict(env_prefix="COHORT_", extra="ignore", env_ignore_empty=True)

    discord_token: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("DISCORD_TOKEN", "COHORT_DISCORD_TOKEN")
    )
    discord_api_url: str | None = None
    database_url: str = "sqlite+aiosqlite:///data/cohort.db"
    migrate_on_start: bool = True
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"
    lease_seconds: float = Field(default=30, ge=1, le=600)
    fonts: DirectoryPath | None = None
    # What everyone in a server sees is worded in; each server's own when not set.
    language: Literal["en", "de"] | None = None
    # "auto": with whatever is installed.
    classifier: Literal["auto", "off"] = "auto"
    classifier_device: str = "auto"
    classifier_url: str | None = None
    classifier_token: SecretStr | None = None
    models: Path = Path("data/models")
    # Which of the bot's shards this process runs, such as "0,1/4"; all of them when not set.
    shards: str | None = None
    # Where /livez, /readyz and /metrics are told: host:port, or "off".
    health: str = "127.0.0.1:9464"
    backups: Path = Path("data/backups")
    # How many daily backups the bot keeps; 0: it makes none. Those on PostgreSQL are left to its operator.
    backups_kept: int = Field(default=7, ge=0, le=1000)

    def __init__(self, *, _env_file: str | Path | None = ".env", **values: Any) -> None:
        # One line that is left out, as python-dotenv does, could be the one that names the database.
        encoding = check_dotenv(Path(_env_file)) if _env_file is not None else None
        super().__init__(_env_file=_env_file, _env_file_encoding=encoding, **values)

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        return understood(value)

    @field_validator("discord_token", "classifier_token")
    @classmethod
    def _one_line(cls, value: SecretStr | None) -> SecretStr | None:
        token = value.get_secret_value().strip() if value is not None else ""
        if not token.isprintable():
            raise ValueError(
                "has a line break or another control character inside. Copy it again, as one line"
            )
        return SecretStr(token) if token else None

    @field_validator("classifier_device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if not DEVICE.fullmatch(value):
            raise ValueError("must be auto, cpu, cuda, or one of several graphics cards such as cuda:1")
        return value

    @field_validator("health")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        if value.lower() == "off":
            return "off"
        if not HEALTH.fullmatch(value) or int(value.rpartition(":")[2]) > 65535:
            raise ValueError("must be host and port, such as 127.0.0.1:9464 (the port up to 65535), or off")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("discord_api_url")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        address = _checked_http(value)
        parts = urlsplit(address)
        if parts.username is not None:  # the token needs the header that a password would go into
            raise ValueError("must have no user and password before an @: Discord's token takes their place")
        if parts.query or parts.fragment:  # every request has a path of its own behind it
            raise ValueError("must end with its path, without ? and #")
        # Proxies are often named without the part that every Discord client appends.
        return address if API_VERSION.search(address) else f"{address.removesuffix('/api')}/api/v10"

    @field_validator("shards")
    @classmethod
    def _possible_shards(cls, value: str | None) -> str | None:
        if value is not None:
            ids, _, count = value.partition("/")
            if not SHARDS.fullmatch(value):
                raise ValueError(
                    "must be shards, a slash, and how many there are, such as 0,1/4 for the first two of four"
                )
            if not all(int(shard) < int(count) for shard in ids.split(",")):
                raise ValueError("must name shards below their number, such as 0,1/4")
        return value

    @property
    def share(self) -> tuple[tuple[int, ...], int] | None:
        """The shards of this process, and how many the bot has; None for all, as many as Discord advises."""
        if self.shards is None:
            return None
        ids, _, count = self.shards.partition("/")
        return tuple(sorted({int(shard) for shard in ids.split(",")})), int(count)

    @field_validator("classifier_url")
    @classmethod
    def _http_classifier(cls, value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        return _checked_http(value)

    def secrets(self) -> list[str]:
        """Every value that must not be printed."""
        token = self.discord_token.get_secret_value().strip() if self.discord_token else None
        classifier = self.classifier_token.get_secret_value() if self.classifier_token else None
        within = [
            unquote(found)
            for address in (self.classifier_url, self.discord_api_url)
            for found in _credentials(address)
        ]
        return [secret for secret in (token, classifier, *passwords(self.database_url), *within) if secret]


def _checked_http(value: str) -> str:
    """An address that can be asked, without a slash at its end."""
    address = value.strip().rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0 and address.isprintable() and " " not in address
    except ValueError:  # brackets that are not closed, or a port that is none
        usable = False
    if not usable:
        raise ValueError("must be a whole address, such as http://10.0.0.5:8000")
    return address


def _credentials(address: str | None) -> Iterator[str]:
    """The password in an address, and the values behind its question mark."""
    if address is None:
        return
    parts = urlsplit(address)
    yield parts.password or ""
    yield from (value for _, value in parse_qsl(parts.query))


def read_settings(**values: Any) -> Settings:
    """From the environment and `.env`; `values` come before both. Raises WrongSettings."""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise WrongSettings(explain(error)) from None
    except WrongFile as error:
        raise WrongSettings(str(error)) from None


def explain(error: ValidationError) -> str:
    """One line per wrong variable, by the name that stands in `.env`; never a value (it may be secret)."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0])
        variable = name if name.isupper() else f"COHORT_{name.upper()}"
        lines.append(f"{variable}: {problem['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
