"""Where the parts of a build are computed: threads, processes, or a cluster."""
