# The study that the configuration describes: images -> training -> attacks -> spectra and lines -> tables,
# figures -> report.
# `snakemake` runs config.yaml; `snakemake --configfile workflow/presets/<name>.yaml` runs that study instead.
import os

from snakemake.utils import min_version

min_version("9.0")

# A preset is a whole study: given one, config.yaml is not read, so nothing of it carries over. Elsewhere
# (--directory) a config.yaml there takes the place of this one.
if not workflow.overwrite_configfiles:

    configfile: "config.yaml" if os.path.exists("config.yaml") else workflow.source_path("config.yaml")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/show.smk"
include: "workflow/rules/answer.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/kept.smk"


rule all:
    """Make the whole study: all results, tables, figures, verdicts and the report."""
    default_target: True
    input:
        PLAN.targets,
