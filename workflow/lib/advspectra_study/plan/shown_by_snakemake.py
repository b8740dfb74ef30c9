"""What Snakemake's own page, `snakemake --report`, calls results. It sorts categories and results by their names."""

import re
from pathlib import Path

from advspectra.page.words import title
from advspectra_study.study import Study

VERDICTS, TABLES, FIGURES = "1. Report and verdicts", "2. Tables", "3. Figures"
# as wide as a digit, and sorted before all of them: "Figure 5" comes before "Figure 10"
FIGURE_SPACE = "\N{FIGURE SPACE}"


def sortable_title(name: str) -> str:
    """The title of a table or figure, its number two digits wide."""
    return re.sub(r" (\d)$", rf" {FIGURE_SPACE}\1", title(name))


def subject(root: Path, name: str) -> str:
    """What a table or figure shows: the comment in the first line of its caption, "" without one."""
    path = root / f"workflow/report/{name}.rst"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text.partition("\n")[0].removeprefix(".. ") if text.startswith(".. ") else ""


def network_and_attack(study: Study, development: str) -> str:
    """Whose development it is, "ResNet18 (ReLU), pgd" for resnet18-relu/depth=17/alpha=1/pgd."""
    network, _, attack = development.rpartition("/")
    run = next(run for folder, run in study.runs.items() if folder.rpartition("/")[0] == network)
    return f"{run.network.label}, {attack}"
