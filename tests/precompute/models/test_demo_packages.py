"""The demo is installed with fewer packages than the tests: its model loads without the rest."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[3]


def locked(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return {
        one.lower().replace("_", "-") for one in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    }


def test_the_demo_s_model_loads_with_the_demo_s_packages_alone():
    more = locked("requirements.lock") - locked("requirements-demo.lock")
    assert "accelerate" in more
    hidden = sorted(
        module
        for module, names in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in names} <= more
    )
    code = f"""
import importlib.metadata, importlib.util, sys
hidden, found, version = set({hidden!r}), importlib.util.find_spec, importlib.metadata.version
importlib.util.find_spec = lambda name, *rest: (
    None if name.partition(".")[0] in hidden else found(name, *rest)
)
sys.modules.update(dict.fromkeys(hidden))  # importing one raises
from pathlib import Path
from precompute.config import read_config
from precompute.models import load_captioner
captioner = load_captioner(read_config(Path("precompute/configs/demo.toml")).model)
print(captioner.tower.n_layers)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "12", done.stderr[-2000:]
