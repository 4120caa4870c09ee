"""The theorem of the benchmark: potentials, their transport rays, and the pair of distributions that a map along the rays makes."""
