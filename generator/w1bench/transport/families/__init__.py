"""The families of pairs, one file each: a potential, the map down its rays, and the proof that both are optimal."""
