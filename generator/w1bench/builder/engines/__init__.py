"""Where the shards of a build are computed."""
