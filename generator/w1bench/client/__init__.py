"""What a researcher calls: load a pair, score gradients, submit them."""
