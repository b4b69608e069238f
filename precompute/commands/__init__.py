"""What the commands of `python -m precompute` do beside a run.

`options` has the arguments and how errors are printed. Only the command line imports this folder.
"""

from precompute.commands.options import ConfigPath, Overrides, Results, plain_errors, runs_of
from precompute.commands.own_pictures import DEMO, links, own_config
from precompute.commands.upkeep import export, import_, publish, verify

__all__ = [
    "DEMO",
    "ConfigPath",
    "Overrides",
    "Results",
    "export",
    "import_",
    "links",
    "own_config",
    "plain_errors",
    "publish",
    "runs_of",
    "verify",
]
