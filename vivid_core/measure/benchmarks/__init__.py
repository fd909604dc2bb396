"""Read the benchmarks of others as evaluation sets: what each edit is to show, and its files."""
