#!/usr/bin/env bash
# bash benchmarks/gpu/run.sh OUT SECONDS [PART ...]: what only a GPU can tell, within SECONDS, into the folder OUT; see
# docs/gpu.md. Without a GPU it runs on the CPU, at toy size. Nothing is downloaded, and the GPU's settings stay as they are.
set -euo pipefail
out=$(realpath -m "$1")
seconds=$2
start=$(date +%s)
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
if [ -d .gpu/wheels ] && ! "$python" -c 'import foolbox, snakemake' 2>/dev/null; then
  site=$(mktemp -d)
  "$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" .gpu/wheels/*.whl
  export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH} PATH=$site/bin:$PATH
fi
export PYTHONPATH=$PWD/workflow/lib${PYTHONPATH:+:$PYTHONPATH} # where Snakemake finds the executor of profiles/default
exec "$python" -m benchmarks.gpu "$out" "$((seconds - $(date +%s) + start))" "${@:3}"
