"""The Debian package, installed by dpkg on a machine with a real systemd: it serves pages as a user of its own, keeps
an operator's settings, refuses to be uninstalled otherwise, and leaves nothing behind once it is purged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from real_systemd import boot, can_boot

from rigfarm import __version__
from rigfarm.commander.install import UNIT, USER
from rigfarm.simulate.commander import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="not a Debian"),
]
TOOLS = Path(__file__).parents[2] / "tools"
DROP_IN = "[Service]\nEnvironment=RIGFARM_TLS=off RIGFARM_HOST=127.0.0.1 RIGFARM_PORT={port}\n"
SCRIPT = """
rm -f /usr/sbin/policy-rc.d
ours() { find /etc /usr /var /run -xdev -name '*rigfarm*' | sort; }
page() {
    until python3 -c "import urllib.request as r; print(r.urlopen('http://127.0.0.1:PORT$1').read().decode())"
    do sleep 0.5; done 2>/dev/null
}
ours | grep -v 'UNIT.d$' >/out/before
dpkg -i /code/0/PACKAGE >/tmp/log 2>&1 && echo "installed" || cat /tmp/log
page /readyz >/dev/null
page /login | grep -o '<title>[^<]*'
echo "is $(systemctl is-active UNIT) $(systemctl is-enabled UNIT)"
echo "runs as $(ps -o user:32= -p "$(systemctl show -P MainPID UNIT)")"
stat -c '%n %U %G %a' /var/lib/rigfarm-commander /etc/rigfarm/commander.toml
rigfarm --version
rigfarm commander status | grep '^State'
rigfarm commander uninstall 2>&1 | head -1
rigfarm commander install 2>&1 | head -1
ls -d /var/lib/rigfarm-commander
dpkg -V rigfarm && echo "as packed"
echo '# mine' >>/etc/rigfarm/commander.toml
dpkg -i /code/0/PACKAGE >/tmp/log 2>&1 && echo "upgraded" || cat /tmp/log
page /readyz >/dev/null
tail -1 /etc/rigfarm/commander.toml
dpkg -V rigfarm | tr -d '?'
dpkg -r rigfarm >/tmp/log 2>&1 && echo "removed" || cat /tmp/log
echo "then $(systemctl is-active UNIT)"
ls -d /var/lib/rigfarm-commander/rigfarm.db /etc/rigfarm/commander.toml
dpkg -P rigfarm >/tmp/log 2>&1 && echo "purged" || cat /tmp/log
ours | diff /out/before - && echo "nothing is left"
getent passwd USER
getent group USER
echo "end"
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that `make deb` tries out, else one that is built here and now."""
    named = os.environ.get("RIGFARM_DIST_DIR")
    folder = Path(named).absolute() if named else tmp_path_factory.mktemp("dist")
    if not named:
        subprocess.run([sys.executable, str(TOOLS / "dist.py"), str(folder)], check=True)
    if not list(folder.glob("*.deb")):
        subprocess.run([sys.executable, str(TOOLS / "deb.py"), str(folder)], check=True)
    [package] = folder.glob("*.deb")
    return package


def _said(*command: object) -> str:
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


def test_it_says_what_it_is_and_needs(package: Path) -> None:
    architecture = _said("dpkg", "--print-architecture").strip()
    assert package.name == f"rigfarm_{__version__}_{architecture}.deb"
    fields = dict(re.findall(r"^ ([A-Z][\w-]+): (.*)$", _said("dpkg-deb", "--info", package), re.MULTILINE))
    assert (fields["Package"], fields["Version"], fields["Architecture"]) == ("rigfarm", __version__, architecture)
    assert re.match(r"python3 \(>= 3\.(\d+)\), python3 \(<< 3\.\d+\), libc6", fields["Depends"])
    assert _said("dpkg-deb", "--field", package, "Installed-Size").strip().isdecimal()


def test_it_holds_what_it_should_and_belongs_to_root(package: Path) -> None:
    lines = [line.split(None, 5) for line in _said("dpkg-deb", "--contents", package).splitlines()]
    names = {line[5].partition(" -> ")[0] for line in lines}
    assert {line[1] for line in lines} == {"root/root"}
    assert [line[5] for line in lines if re.match(r"[^l].......w|...[sS]|......[sS]", line[0])] == []
    for needed in (
        "./usr/bin/rigfarm", "./usr/lib/rigfarm/bin/python3", f"./usr/lib/systemd/system/{UNIT}",
        f"./usr/lib/sysusers.d/{USER}.conf", "./etc/rigfarm/commander.toml", "./usr/share/doc/rigfarm/copyright",
    ):  # fmt: skip
        assert needed in names, needed
    assert [name for name in names if not re.match(r"\./(usr|etc)?(/|$)", name)] == []
    assert any(name.endswith("/rigfarm/commander/__pycache__/app.cpython-311.pyc") for name in names) or not any(
        "/python3.11/" in name for name in names
    )


def test_nothing_in_it_names_the_machine_that_built_it(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(tmp_path / "tree")], check=True)
    found = subprocess.run(["grep", "-rlF", "rigfarm-deb-", str(tmp_path / "tree")], capture_output=True, text=True)
    assert found.stdout == ""
    unit = (tmp_path / "tree/usr/lib/systemd/system" / UNIT).read_text()
    assert "ExecStart=/usr/lib/rigfarm/bin/rigfarm commander --config /etc/rigfarm/commander.toml\n" in unit
    assert f"User={USER}\n" in unit
    shutil.rmtree(tmp_path / "tree")


@pytest.mark.skipif(os.geteuid() != 0, reason="boots a systemd")
def test_it_is_installed_serves_upgrades_and_goes_without_a_trace(package: Path, tmp_path: Path) -> None:
    if not can_boot(tmp_path / "trial"):
        pytest.skip("a systemd cannot be booted here")
    port = free_port()
    script = SCRIPT.replace("PACKAGE", package.name).replace("PORT", str(port)).replace("UNIT", UNIT)
    units = {f"{UNIT}.d/here.conf": DROP_IN.format(port=port)}
    said = boot(tmp_path / "machine", units, script.replace("USER", USER), 900.0, [str(package.parent)])
    refused = "Error: A package of this system installed the Commander: `apt remove rigfarm` removes it, "
    lines = said.splitlines()
    assert lines[:10] == [
        "installed",
        "<title>Log in · Rigfarm",
        "is active enabled",
        f"runs as {USER}",
        f"/var/lib/rigfarm-commander {USER} {USER} 700",
        f"/etc/rigfarm/commander.toml root {USER} 640",
        f"rigfarm, version {__version__}",
        "State      active (running)",
        lines[8],
        lines[9],
    ], said
    assert lines[8].startswith(refused), said
    assert lines[9].startswith(refused), said
    assert lines[10:] == [
        "/var/lib/rigfarm-commander",
        "as packed",
        "upgraded",
        "# mine",
        "5 c /etc/rigfarm/commander.toml",
        "removed",
        "then inactive",
        "/etc/rigfarm/commander.toml",
        "/var/lib/rigfarm-commander/rigfarm.db",
        "purged",
        "nothing is left",
        "end",
    ], said
