"""Benchmarks beside the peers of `../shared/peers`, in one run on one machine: `make bench`."""
