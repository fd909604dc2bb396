"""Read and write the datasets of others: what each sample is, not yet its pixels."""
