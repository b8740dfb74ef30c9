"""An attack with a trap, for tests that stop a study while it computes; put into a copy of the workflow."""

from study import Study

# The attack that the tiny study uses, with a trap: the first job that finds the file `trap` does what it says.
TRAP = '''
"""Linf PGD; the first job that finds a file `trap` in the working folder does as it says, for so long (s).

It springs inside the attack, which by then has kept its first steps if `save_every` is 0.
"""

import os
import time
from dataclasses import replace
from pathlib import Path

from advspectra.attacks import linf_pgd

SPEC = {spec}


def build(**options):
    attack = linf_pgd.build(**options)

    def run(network, inputs, labels, part):
        def tell(share):
            part.tell(share)
            spring()

        return attack.run(network, inputs, labels, replace(part, tell=tell))

    return replace(attack, run=run)


def spring():
    try:
        os.rename("trap", "taken")
    except FileNotFoundError:
        return
    what, seconds = Path("taken").read_text().split()
    Path("sprung").write_text(os.environ.get("SLURM_JOB_ID", str(os.getpid())))
    filled = b"1" * (5 * 10**9) if what == "allocate" else b""
    time.sleep(float(seconds))
    del filled
'''


def add_attack(study: Study, source: str) -> None:
    """Give a study's workflow an attack family `trial`; source : with {spec} in place of the options, those of PGD."""
    attacks = study.folder / "workflow/lib/advspectra/attacks"
    spec = (attacks / "linf_pgd.py").read_text().split("SPEC = ")[1].split("\n}\n")[0] + "\n}"
    (attacks / "trial.py").write_text(source.format(spec=spec))
