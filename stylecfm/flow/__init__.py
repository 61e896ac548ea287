"""Flow matching: paths, couplings, losses, solvers, guidance, editing, likelihood."""
