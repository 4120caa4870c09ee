"""Image generators: networks that turn latents into pictures."""
