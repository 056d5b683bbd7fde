"""Pictures of what a generator draws: grids, walks, arithmetic, projections."""
