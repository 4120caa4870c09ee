"""Image generators: networks that make pictures of random latents."""
