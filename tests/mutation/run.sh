#!/usr/bin/env bash
# bash tests/mutation/run.sh MODULE TEST ...: changes MODULE (advspectra/fourier.py) in many small ways, one at a time, and
# runs the tests named (tests/unit/test_fourier.py) on each. It prints how many changes they notice, and the others.
# It needs mutmut (mutmut==3.8.1), and an hour for a large module.
set -euo pipefail
module=$1
shift
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
# mutmut expects packages in src/; tests find the workflow's other files by their own place
cp -r workflow tests benchmarks config.yaml pyproject.toml Snakefile "$work"
cp -r workflow/lib "$work/src"
cd "$work"
sed -i 's|pythonpath = .*|pythonpath = [".", "src", "tests/workflow", "tests/unit"]|' pyproject.toml
cat >>pyproject.toml <<CONFIG

[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/$module"]
also_copy = ["workflow", "benchmarks", "config.yaml", "Snakefile"]
pytest_add_cli_args_test_selection = [$(printf '"%s", ' "$@")]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
process_isolation = "fork"
CONFIG
# forked processes would share the lock of tqdm's bars: one killed while it holds the lock would stop all the others
cat >>tests/conftest.py <<LOCK
import threading

import tqdm

tqdm.tqdm.set_lock(threading.RLock())
LOCK
export OMP_NUM_THREADS=1 # threads do not survive a fork
mutmut run --max-children "${CHILDREN:-2}" >mutmut.log 2>&1 || tail -20 mutmut.log
mutmut results --all true >results.txt
killed=$(grep -c ': \(killed\|timeout\|segfault\)' results.txt || true)
missed=$(grep -c ': \(survived\|no tests\|suspicious\)' results.txt || true)
echo "$module: $killed of $((killed + missed)) changes noticed"
grep ': \(survived\|no tests\|suspicious\)' results.txt | sed 's/:.*//' | while read -r name; do
  mutmut show "$name" | grep '^[-+] ' || true
  echo "   $name"
done
