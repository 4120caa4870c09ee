"""MinFunnels: minima of cones, their transport rays and the ray-monotone map."""
