"""Networks: the architectures of critics and movers."""
