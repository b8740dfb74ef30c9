"""All that a GPU is needed for, in one bounded run: `bash benchmarks/gpu/run.sh OUT SECONDS`, see docs/gpu.md."""
