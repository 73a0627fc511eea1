"""The workloads of benchmarks/compiled.py, and the libraries that run them."""
