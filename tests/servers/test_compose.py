"""The file for Docker Compose agrees with the documentation; no engine is at hand to run it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from torematrix.core.storage.testing.servers.docker import DockerMongoDB, DockerPostgreSQL
from torematrix.core.storage.testing.servers.finding import MONGODB, POSTGRESQL, STANDALONE

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((PROJECT / "compose.yaml").read_text("utf-8"))["services"]
GUIDE = (PROJECT / "docs" / "guides" / "test-servers.md").read_text("utf-8")


def test_the_variables_lead_to_the_services() -> None:
    """To the published port of each, with the account that it makes."""
    section = GUIDE.partition("## With Docker Compose")[2].partition("\n## ")[0]
    urls = dict(re.findall(r"^export (\w+)='(.*)'$", section, re.MULTILINE))
    services = {POSTGRESQL: "postgresql", MONGODB: "mongodb", STANDALONE: "mongodb-standalone"}
    assert set(urls) == set(services)
    for variable, name in services.items():
        (published,) = COMPOSE[name]["ports"]
        host, outside, inside = published.split(":")
        parts = urlsplit(urls[variable])
        assert (parts.hostname, str(parts.port)) == (host, outside)
        if name != "postgresql":
            assert inside == outside
            assert COMPOSE[name]["command"][COMPOSE[name]["command"].index("--port") + 1] == inside
    account = COMPOSE["postgresql"]["environment"]
    assert f"{account['POSTGRES_USER']}:{account['POSTGRES_PASSWORD']}@" in urls[POSTGRESQL]


def test_the_images_are_the_same_everywhere() -> None:
    assert COMPOSE["postgresql"]["image"] == DockerPostgreSQL().image
    assert COMPOSE["mongodb"]["image"] == COMPOSE["mongodb-standalone"]["image"] == DockerMongoDB().image
    for image in (DockerPostgreSQL().image, DockerMongoDB().image):
        assert f"`{image}`" in GUIDE
