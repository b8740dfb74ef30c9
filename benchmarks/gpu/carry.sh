#!/usr/bin/env bash
# bash benchmarks/gpu/carry.sh IMAGES: fill the folder .gpu, which Git ignores, with what travels to a GPU beside the
# repository: wheels for its Python; IMAGES, CIFAR-10 as a tar archive of train/<class>/* and test/<class>/*; and, once
# `make demo` has run, the demo's tables.
set -euo pipefail
images=$(realpath "$1")
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
mkdir -p .gpu/wheels
platforms=(manylinux2014_x86_64 manylinux1_x86_64)
for libc in 17 24 27 28 31 34; do platforms+=("manylinux_2_${libc}_x86_64"); done
while read -r wheel; do
  "$python" -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version 3.12 \
    "${platforms[@]/#/--platform=}" --dest .gpu/wheels "$wheel" ||
    "$python" -m pip wheel --quiet --no-deps --wheel-dir .gpu/wheels "$wheel" # pure Python that has no wheel
done < <(grep --invert-match '^#' benchmarks/gpu/wheels.txt)
cp "$images" .gpu/images.tar.xz
if [ -d results/demo/tables ]; then
  rm -rf .gpu/demo-tables
  cp -r results/demo/tables .gpu/demo-tables
fi
du --summarize --human-readable .gpu
