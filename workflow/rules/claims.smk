# files of the study's runs, the claims -> claims.{csv,json}, what the results say of each; audit.{csv,json}, the verdicts
# under each convention that the paper leaves open
# Claims are those of claims.files, else of workflow/reference/claims/*.yaml, read before any job so that a mistake in one
# is an error at once.
from advspectra_study.claim_files import read_claims
from advspectra_study.conventions import audited_attacks, conventions_of

CLAIMS = STUDY["claims"]["files"]
if CLAIMS is None:
    CLAIMS = sorted(own(str(path.relative_to(ROOT))) for path in (ROOT / "workflow/reference/claims").glob("*.yaml"))
CLAIMS_SCHEMA = own("workflow/schemas/claims.schema.yaml")
try:
    read_claims(CLAIMS, schema_path=ROOT / CLAIMS_SCHEMA)
except ConfigError as error:
    raise WorkflowError(str(error))

BESIDE = [f"results/{study}/claims.json" for study in STUDY["claims"]["beside"]]


rule claims:
    input:
        runs=claim_files(),
        images=f"{DATASET}/images.h5",
        claims=CLAIMS,
        schema=CLAIMS_SCHEMA,
        reference=own("workflow/reference/paper.yaml"),
    output:
        csv=report(f"{RESULTS}/claims.csv", caption=caption("claims"), category="Verdicts", labels={"verdicts": "claims"}),
        provenance=f"{RESULTS}/claims.json",
    params:
        study=STUDY["study"],
        config={key: STUDY[key] for key in ("dataset", "initialization", "training", "spectra")},
        conventions=conventions_of(STUDY),
        code=code("claims.py"),
    log:
        f"{RESULTS}/logs/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/claims.py"


rule audit:
    input:
        runs=claim_files(*STUDY["claims"]["audit"]),
        own=rules.claims.output.provenance,
        # of studies that have been made
        beside=[path for path in BESIDE if Path(path).exists()],
        claims=CLAIMS,
        schema=CLAIMS_SCHEMA,
        reference=own("workflow/reference/paper.yaml"),
    output:
        csv=report(f"{RESULTS}/audit.csv", caption=caption("audit"), category="Verdicts", labels={"verdicts": "conventions"}),
        provenance=f"{RESULTS}/audit.json",
    params:
        conventions=conventions_of(STUDY),
        spectra=STUDY["spectra"]["conventions"],
        attacks=audited_attacks(STUDY),
        beside=BESIDE,
        code=code("audit.py"),
    log:
        f"{RESULTS}/logs/audit.log",
    benchmark:
        f"{RESULTS}/benchmarks/audit.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/audit.py"
