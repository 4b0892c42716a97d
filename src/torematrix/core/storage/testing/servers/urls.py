"""Small changes to the URLs of servers."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

__all__ = ["with_database", "with_options", "without_password"]


def with_database(url: str, database: str) -> str:
    """The same server, account and options, with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def with_options(url: str, options: str) -> str:
    """The same, with further options (``a=1&b=2``)."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, options)))))


def without_password(url: str) -> str:
    """The server alone, to be shown: the account may hold a secret, and so may options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
