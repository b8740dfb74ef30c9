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


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/spectra.smk"
include: "workflow/rules/lines.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/noted.smk"
include: "workflow/rules/measures.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/expected.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/repair.smk"
include: "workflow/rules/kept.smk"


rule all:
    default_target: True
    input:
        collect(f"{RESULTS}/tables/{{table}}.{{kind}}", table=TABLES, kind=["csv", "md", "json"]),
        collect(f"{RESULTS}/{{answers}}.{{kind}}", answers=["measures", "claims", "audit"], kind=["csv", "json"]),
        collect(f"{RESULTS}/figures/{{figure}}.{{kind}}", figure=figure_paths(), kind=["pdf", "png", "md", "json"]),
        collect(f"{RESULTS}/report.{{kind}}", kind=["html", "md", "json"]),
