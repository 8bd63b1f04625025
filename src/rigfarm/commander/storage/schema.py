"""The shared metadata. A noun declares its tables on it in its own `tables.py`; a migration makes them, by name."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData

__all__ = ["digest", "identity", "metadata", "milliseconds"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identity(name: str = "id") -> Column[int]:
    """A number for a row that no other row of the table ever had (with `sqlite_autoincrement=True` on the table)."""
    return Column(name, Integer, primary_key=True, autoincrement=True)


def milliseconds(name: str, *, nullable: bool = False) -> Column[int]:
    """A time: UTC milliseconds since 1970."""
    return Column(name, BigInteger, nullable=nullable)


def digest(name: str, *, primary_key: bool = False, unique: bool = False) -> Column[bytes]:
    """SHA-256 of a secret, 32 bytes: the secret itself is never stored."""
    return Column(name, LargeBinary(32), primary_key=primary_key, unique=unique or None, nullable=False)
