"""Why a critic is wrong: congestion, batches, patches, maps and memory, each measured against what is known, and the findings in words."""
