"""The gateway is a package that can be built, and used without anything of this repository (architecture §2)."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from infra.local.processes import ROOT

IMPORT_ALL = """
import importlib, pathlib, sys
folder = pathlib.Path(sys.argv[1])
for path in folder.glob("gateway/**/*.py"):
    module = importlib.import_module(".".join(path.relative_to(folder).with_suffix("").parts))
    assert module.__file__.startswith(sys.argv[1]), module.__file__
ours = {"kit", "socle", "services", "proto", "infra", "generateur"}
assert not {name.partition(".")[0] for name in sys.modules} & ours
"""


def test_the_wheel_of_the_gateway_holds_its_modules_and_they_import_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "gateway", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    # What an installer does with a wheel of pure Python.
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(installed)
    ours = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "gateway").rglob("*.py")
        if not path.is_relative_to(ROOT / "gateway/tests")
    }
    assert {str(path.relative_to(installed)) for path in installed.rglob("*.py")} == ours
    subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(installed)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
    )
