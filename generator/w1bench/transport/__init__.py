"""The theorem: 1-Lipschitz potentials whose transport rays, plan and cost are known."""
