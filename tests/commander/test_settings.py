"""Where settings come from, and what an operator reads when one is wrong."""

from __future__ import annotations

from pathlib import Path

import argon2
import pytest

from rigfarm.commander.settings import Settings, SettingsError, load_settings, make_private_folder, unknown_variables

HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("farm")


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "commander.toml"
    path.write_text(text)
    return path


def test_it_works(tmp_path: Path) -> None:
    path = _file(tmp_path, 'port = 1\nreport_interval_s = 10\npublic_url = "https://Farm.example:443/"\n')
    settings = load_settings(path, {"RIGFARM_PORT": "2", "RIGFARM_JOURNAL_HOURS": "24"}, {"port": 3, "host": None})
    assert (settings.port, settings.report_interval_s, settings.journal_hours) == (3, 10.0, 24.0)
    assert settings.public_url == "https://farm.example"
    assert settings.host == "0.0.0.0"


def test_without_anything_there_are_defaults() -> None:
    settings = load_settings(None, {})
    assert (settings.report_interval_s, settings.journal_hours) == (5.0, 48.0)
    assert settings.database == f"sqlite:///{settings.data_dir}/rigfarm.db"


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    assert load_settings(None, {"RIGFARM_CONFIG": str(_file(tmp_path, "port = 7"))}).port == 7


def test_an_empty_variable_is_no_setting() -> None:
    assert load_settings(None, {"RIGFARM_PUBLIC_URL": "", "RIGFARM_PORT": ""}) == load_settings(None, {})


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    settings = load_settings(None, {"RIGFARM_TRUSTED_PROXIES": "10.0.0.1, fd00::/8,"})
    assert settings.trusted_proxies == ["10.0.0.1/32", "fd00::/8"]


def test_the_data_folder_is_absolute_and_may_be_in_the_home_folder() -> None:
    assert load_settings(None, {"RIGFARM_DATA_DIR": "~/farm"}).data_dir == Path.home() / "farm"
    assert load_settings(None, {"RIGFARM_DATA_DIR": "farm"}).data_dir == Path.cwd() / "farm"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("RIGFARM_PORT", "http", "port .from RIGFARM_PORT. is wrong: Expected `int`, got `str`"),
        ("RIGFARM_PORT", "70000", "port.*<= 65535"),
        ("RIGFARM_REPORT_INTERVAL_S", "0", "report_interval_s.*>= 1"),
        ("RIGFARM_REPORT_INTERVAL_S", "nan", "report_interval_s"),
        ("RIGFARM_LOG_LEVEL", "loud", "log_level.*loud"),
        ("RIGFARM_PUBLIC_URL", "farm.example", "public_url.*https://farm.example"),
        ("RIGFARM_PUBLIC_URL", "https://farm.example/rigs", "public_url.*no path"),
        ("RIGFARM_PUBLIC_URL", "https://farm.example:port", "public_url"),
        ("RIGFARM_TRUSTED_PROXIES", "proxy.example", "trusted_proxies.*proxy.example"),
        ("RIGFARM_PASSWORD_HASH", "farm", "password_hash.*hash-password"),
        ("RIGFARM_PASSWORD_HASH", "$argon2id$v=19$m=19456", "password_hash.*hash-password"),
        ("RIGFARM_PASSWORD", "x" * 1025, "password .*1024 bytes"),
        ("RIGFARM_PASSWORD", "x", "password .*at least 8 characters"),
    ],
)
def test_a_wrong_setting_is_named_with_its_source(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(None, {variable: value})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "unknown setting prot. Did you mean port?"),
        ("colour = 1", "unknown setting colour. docs/settings.md"),
        ("port = ", "is not valid TOML"),
        ('port = "7"', "^$"),
        ("port = [7]", "commander.toml.* is wrong: Expected `int`"),
        ('trusted_proxies = [7, "x"]', "trusted_proxies"),
        ("data_dir = 7", "data_dir"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    if words == "^$":
        assert load_settings(_file(tmp_path, text), {}).port == 7
        return
    with pytest.raises(SettingsError, match=words):
        load_settings(_file(tmp_path, text), {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        load_settings(tmp_path / "nowhere.toml", {})


def test_two_passwords_are_one_too_many() -> None:
    with pytest.raises(SettingsError, match=r"RIGFARM_PASSWORD.*RIGFARM_PASSWORD_HASH.*both set"):
        load_settings(None, {"RIGFARM_PASSWORD": "farmland", "RIGFARM_PASSWORD_HASH": HASH})


def test_settings_show_no_secrets() -> None:
    secrets = {"password": "hunter2", "password_hash": "hunter3", "database_url": "postgresql://root:hunter4@db/farm"}
    settings = Settings(**secrets)  # type: ignore[arg-type]
    assert "hunter" not in f"{settings} {settings!r} {[settings]}"
    assert "port=7070" in repr(settings)


def test_a_misspelt_variable_is_noticed() -> None:
    assert unknown_variables({"RIGFARM_PASWORD": "x", "RIGFARM_PORT": "1", "RIGFARM_CONFIG": "x", "HOME": "/"}) == [
        "RIGFARM_PASWORD is not a setting and was ignored; did you mean RIGFARM_PASSWORD?"
    ]


def test_the_data_folder_becomes_private(tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    make_private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    make_private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"data folder .*file/farm cannot be used.*--data-dir"):
        make_private_folder(tmp_path / "file" / "farm")
